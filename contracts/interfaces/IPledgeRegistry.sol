// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {PartyId, PledgeId, PledgeStatus, ReceiptId, TwoPersons} from "../types.sol";

/// @title Pledges of receipts and the loans they secure, as commitments
/// @notice Each step is its own party's act, and control moves only when all were taken: endorsed by the pledgor, attorned
/// by the operator, registered and accepted by the pledgee. No act here gives title to a pledgee. Steps before control
/// moves create rights and need standing; loan events, release, withdrawal and closing need none.
interface IPledgeRegistry {
    event PledgeEndorsed(
        PledgeId indexed pledgeId,
        PartyId indexed pledgor,
        PartyId indexed pledgee,
        ReceiptId[] receipts,
        bytes32 terms,
        uint64 expiresAt
    );
    event PledgeAttorned(PledgeId indexed pledgeId, PartyId indexed operator);
    event PledgeRegistered(PledgeId indexed pledgeId, bytes32 filing, uint64 filedAt, bytes32 search);
    /// @notice Every step was taken and control has moved.
    event PledgeEffective(PledgeId indexed pledgeId, PartyId indexed pledgee);
    event PledgeWithdrawn(PledgeId indexed pledgeId, PartyId indexed by);
    /// @notice No loan event followed in time.
    event PledgeLapsed(PledgeId indexed pledgeId);
    /// @notice One opaque kind for all events, so that the chain does not tell distress from routine.
    event LoanEventRecorded(PledgeId indexed pledgeId, uint64 index, bytes32 commitment, bytes32 chain);
    /// @notice Opens no gate.
    event PledgeReleased(PledgeId indexed pledgeId, ReceiptId indexed receiptId);
    event LoanClosed(PledgeId indexed pledgeId);

    error ReceiptsOutOfRange(uint256 receipts);
    error TermsMissing();
    error ExpiryOutOfRange(uint64 expiresAt, uint256 now_, uint256 latest);
    error PledgeToSelf(PartyId party);
    error ReceiptNotHeld(ReceiptId receiptId, PartyId holder, PartyId caller);
    error SecondPledge(ReceiptId receiptId, PledgeId livePledge);
    error OperatorsDiffer(ReceiptId receiptId, PartyId first, PartyId other);
    error PledgeStatusIs(PledgeId pledgeId, PledgeStatus status);
    error NotPledgor(PledgeId pledgeId, PartyId caller);
    error NotPledgee(PledgeId pledgeId, PartyId caller);
    error NotOperatorOf(PledgeId pledgeId, PartyId caller);
    error NotPartyTo(PledgeId pledgeId, PartyId caller);
    error TermsDiffer(bytes32 endorsed, bytes32 given);
    error FilingMissing();
    error SearchMissing();
    error CommitmentMissing();
    error NotUnderPledge(PledgeId pledgeId, ReceiptId receiptId);
    error SeenContentDiffers(ReceiptId receiptId, bytes32 current, bytes32 seen);
    error ReceiptStillPledged(PledgeId pledgeId, ReceiptId receiptId);
    error LoanEventsExist(PledgeId pledgeId, uint64 events);
    error NotLapsed(PledgeId pledgeId, uint256 lapsesAt);

    /// @notice Offers receipts in pledge ("质押"), by the pledgor's own key.
    /// @dev Requirements, in the order checked:
    /// - the caller may create, as {IPartyRegistry-requireMayCreate}; `terms` is not zero, else {TermsMissing};
    /// - 1 to 32 receipts, else {ReceiptsOutOfRange}; it expires ahead and within 366 days, else {ExpiryOutOfRange};
    /// - the pledgee is a lender in standing, as {IPartyRegistry-requirePartyStanding}, and another, else {PledgeToSelf};
    /// - each receipt is issued, else {IReceiptRegistry-ReceiptStateIs}; held by the caller, else {ReceiptNotHeld}; under
    ///   no live pledge, endorsed or effective, else {SecondPledge}; of the same operator as the first, else
    ///   {OperatorsDiffer}.
    /// @param terms salted commitment to the loan's terms and the tri-party agreement.
    /// @param expiresAt Unix seconds after which the pledge ends unless it has become effective.
    function endorse(ReceiptId[] calldata receipts, PartyId pledgee, bytes32 terms, uint64 expiresAt)
        external
        returns (PledgeId pledgeId);

    /// @notice The operator acknowledges that it will hold for the pledgee.
    /// @dev Requirements, in the order checked: the caller may create as an operator; it operates the receipts' site, else
    /// {NotOperatorOf}; the pledge is Endorsed, else {PledgeStatusIs}; `terms` are the endorsed ones, else {TermsDiffer}.
    function attorn(PledgeId pledgeId, bytes32 terms) external;

    /// @notice The pledgee records that it has filed and searched the public registry.
    /// @dev Requirements, in the order checked: the caller may create as a lender; is the pledgee, else {NotPledgee}; the
    /// pledge is Attorned, else {PledgeStatusIs}; {TermsDiffer}; {FilingMissing}; {SearchMissing}.
    /// @param filing commitment to the filing's reference. @param filedAt the registry's own instant, not compared here.
    /// @param search hash of the search report.
    function register(PledgeId pledgeId, bytes32 terms, bytes32 filing, uint64 filedAt, bytes32 search) external;

    /// @notice The pledgee's two persons accept, and control of every receipt moves.
    /// @dev The persons sign `Acceptance(uint256 pledge,bytes32 terms,uint256 nonce,uint64 deadline)`. Requirements, in the
    /// order checked: the caller may create as a lender; is the pledgee, else {NotPledgee}; the pledge is Registered, else
    /// {PledgeStatusIs}; {TermsDiffer}; two persons signed, as {ITwoPersonActs}; each receipt can be encumbered and is what
    /// was endorsed, as {IReceiptRegistry-encumber}.
    function accept(PledgeId pledgeId, bytes32 terms, TwoPersons calldata signed) external;

    /// @notice Ends a pledge before control has moved, by either side.
    /// @dev Requirements, in the order checked: the caller is a party, else {IPartyRegistry-NotAParty}; pledgor or pledgee,
    /// else {NotPartyTo}; the pledge is Endorsed, Attorned or Registered, else {PledgeStatusIs}.
    function withdraw(PledgeId pledgeId) external;

    /// @notice Ends an effective pledge that no loan event followed within 7 days; control goes back.
    /// @dev Requirements, in the order checked: the caller is the pledgor, else {NotPledgor}; the pledge is Effective, else
    /// {PledgeStatusIs}; without a loan event, else {LoanEventsExist}; 7 days have passed, else {NotLapsed}.
    function lapse(PledgeId pledgeId) external;

    /// @notice Adds an opaque event to the loan's hash chain: chain = keccak256(abi.encode(previous chain, commitment)).
    /// @dev Requirements, in the order checked: the caller is the pledgee, else {NotPledgee}; the pledge is Effective or
    /// Released, else {PledgeStatusIs}; `commitment` is not zero, else {CommitmentMissing}.
    function recordLoanEvent(PledgeId pledgeId, bytes32 commitment) external;

    /// @notice Ends the pledge on `receiptId`; control is its holder's again. Opens no gate.
    /// @dev The persons sign `Release(uint256 pledge,uint256 receipt,bytes32 content,uint256 nonce,uint64 deadline)`.
    /// Requirements, in the order checked: the caller is the pledgee, else {NotPledgee}; the pledge is Effective, else
    /// {PledgeStatusIs}; the receipt is under it, else {NotUnderPledge}; `content` is the receipt's as it stands, else
    /// {SeenContentDiffers}; two persons signed, as {ITwoPersonActs}.
    function release(PledgeId pledgeId, ReceiptId receiptId, bytes32 content, TwoPersons calldata signed) external;

    /// @notice Closes the loan; its hash chain is complete.
    /// @dev Requirements, in the order checked: the caller is the pledgee, else {NotPledgee}; the pledge was effective and is
    /// not closed, else {PledgeStatusIs}; no receipt is under it, else {ReceiptStillPledged}.
    function close(PledgeId pledgeId) external;

    /// @notice Where the pledge is, from its facts and the time.
    function statusOf(PledgeId pledgeId) external view returns (PledgeStatus);

    function pledgorOf(PledgeId pledgeId) external view returns (PartyId);
    function pledgeeOf(PledgeId pledgeId) external view returns (PartyId);
    function receiptsOf(PledgeId pledgeId) external view returns (ReceiptId[] memory);
    function termsOf(PledgeId pledgeId) external view returns (bytes32);

    /// @notice When each step of publicity was taken (Unix seconds; zero if it was not): priority follows it.
    function publicityOf(PledgeId pledgeId)
        external
        view
        returns (uint64 endorsedAt, uint64 attornedAt, uint64 registeredAt, uint64 effectiveAt);

    /// @notice The filing that was registered: commitment, the registry's instant, search hash.
    function filingOf(PledgeId pledgeId) external view returns (bytes32 filing, uint64 filedAt, bytes32 search);

    /// @notice Number of loan events and the head of their hash chain.
    function loanOf(PledgeId pledgeId) external view returns (uint64 events, bytes32 chain);

    /// @notice The pledge, endorsed or effective, that the receipt is under; zero if none.
    function livePledgeOf(ReceiptId receiptId) external view returns (PledgeId);
}
