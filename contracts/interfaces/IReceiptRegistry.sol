// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {
    Evidence,
    IssueTerms,
    OrderId,
    PartyId,
    PledgeId,
    ReceiptId,
    ReceiptState,
    ReleaseTerms,
    RequestId,
    RequestState,
    SiteId,
    TwoPersons
} from "../types.sol";

/// @title Electronic warehouse receipts: who may demand which goods
/// @notice One live receipt per goods fingerprint. Title is the holder's; while a pledge is effective control is the
/// pledgee's. Issuing creates a right and needs standing; ordering and delivering discharge one and need none.
interface IReceiptRegistry {
    event IssueRequested(
        RequestId indexed requestId,
        PartyId indexed depositor,
        SiteId indexed site,
        bytes32 bay,
        bytes32 commodity,
        bytes32 grade,
        uint256 massKg,
        bytes32[] fingerprints,
        bytes32 document,
        bytes32 representations
    );
    event RequestCancelled(RequestId indexed requestId);
    /// @notice The operator is obliged to deliver; `fingerprints` are in the order of their movements.
    event ReceiptIssued(
        ReceiptId indexed receiptId,
        RequestId indexed requestId,
        PartyId indexed holder,
        PartyId operator,
        SiteId site,
        bytes32 bay,
        bytes32 commodity,
        bytes32 grade,
        uint256 massKg,
        bytes32[] fingerprints,
        bytes32 document
    );
    /// @notice Opens the gate in these hours, and nothing else.
    event ReleaseOrdered(
        OrderId indexed orderId,
        ReceiptId indexed receiptId,
        uint256 massKg,
        bytes32 gate,
        uint64 opensAt,
        uint64 closesAt,
        PartyId to,
        PartyId by
    );
    /// @notice `remainingKg` zero: the receipt has ended.
    event GoodsDelivered(
        ReceiptId indexed receiptId,
        OrderId indexed orderId,
        uint256 massKg,
        bytes32[] fingerprints,
        uint256 remainingKg
    );
    /// @notice Control is the pledgee's; title stays.
    event ReceiptEncumbered(ReceiptId indexed receiptId, PledgeId indexed pledgeId, PartyId indexed controller);
    /// @notice By release, lapse or the last delivery.
    event ReceiptDisencumbered(ReceiptId indexed receiptId, PledgeId indexed pledgeId);

    error MassOutOfRange(uint256 massKg);
    error PiecesOutOfRange(uint256 pieces);
    error LotIncomplete(bytes32 bay, bytes32 commodity);
    error FingerprintMissing(uint256 index);
    error DocumentMissing();
    error RepresentationsMissing();
    error QuotaReached(PartyId depositor, uint256 open);
    error RequestStateIs(RequestId requestId, RequestState state);
    error NotDepositor(RequestId requestId, PartyId caller);
    error NotOperator(SiteId site, PartyId caller);
    error DocumentDiffers(bytes32 requested, bytes32 given);
    error MovementsCountIs(uint256 wanted, uint256 given);
    error KindIsNot(bytes32 wanted, bytes32 given);
    error SiteIsNot(SiteId wanted, SiteId given);
    error SubjectIsNot(bytes32 wanted, bytes32 given);
    error MassDiffers(uint256 statedKg, uint256 measuredKg);
    error FingerprintLive(bytes32 fingerprint, ReceiptId receiptId);
    error ReceiptStateIs(ReceiptId receiptId, ReceiptState state);
    error ReceiptPledged(ReceiptId receiptId, PledgeId pledgeId);
    error ReceiptNotPledged(ReceiptId receiptId);
    error NotController(ReceiptId receiptId, PartyId controller, PartyId caller);
    error ContentDiffers(ReceiptId receiptId, bytes32 current, bytes32 seen);
    error OrderedTooMuch(ReceiptId receiptId, uint256 freeKg, uint256 massKg);
    error TooManyOrders(ReceiptId receiptId, uint256 open);
    error GateMissing();
    error HoursOutOfRange(uint64 opensAt, uint64 closesAt, uint256 now_);
    error ReceiverIsNot(PartyId wanted, PartyId given);
    error OrderUnknown(OrderId orderId);
    error OrderSuperseded(OrderId orderId, ReceiptId receiptId);
    error HeavierThanOrdered(OrderId orderId, uint256 leftKg, uint256 massKg);
    error NotAPieceOf(ReceiptId receiptId, bytes32 fingerprint);
    error ExitOutsideHours(OrderId orderId, uint64 seenAtMs);
    error PiecesLeft(ReceiptId receiptId, uint256 pieces);
    error MassLeft(ReceiptId receiptId, uint256 massKg);
    error ReceiptHasOpenOrder(ReceiptId receiptId, OrderId orderId);
    error NotPledgeRegistry(address caller);
    error UseOfferTransfer();

    /// @notice Asks the operator for a receipt over a deposited lot.
    /// @dev Requirements, in the order checked:
    /// - the caller may create as a depositor, as {IPartyRegistry-requireMayCreate}; the site stands, as
    ///   {IPartyRegistry-requireSiteStanding};
    /// - 1 to 2^63 kg, else {MassOutOfRange}; 1 to 64 pieces, else {PiecesOutOfRange};
    /// - bay and commodity are named, else {LotIncomplete}; and every piece, else {FingerprintMissing};
    /// - document and representations are not zero, else {DocumentMissing}, {RepresentationsMissing};
    /// - the depositor has fewer than 16 open requests, else {QuotaReached}.
    function requestIssue(IssueTerms calldata terms) external returns (RequestId requestId);

    /// @notice Takes back a request that was not answered; frees the depositor's quota.
    /// @dev Requirements: the caller is a party, else {IPartyRegistry-NotAParty}; the request is open, else
    /// {RequestStateIs}; the caller made it, else {NotDepositor}.
    function cancelRequest(RequestId requestId) external;

    /// @notice Issues the receipt that was asked for; the operator is obliged from here on. All or nothing.
    /// @dev Requirements, in the order checked:
    /// - the caller may create as an operator, as {IPartyRegistry-requireMayCreate};
    /// - the request is open, else {RequestStateIs}; the caller operates its site, else {NotOperator}; the site stands;
    /// - `document` is the one requested, else {DocumentDiffers};
    /// - one movement for each piece, else {MovementsCountIs}; each in the order of the pieces: of kind movement.in, else
    ///   {KindIsNot}; at this site, else {SiteIsNot}; of this piece, else {SubjectIsNot}; no live receipt covers it, else
    ///   {FingerprintLive}; included for creating, as {IEvidenceLog-requireIncluded}; unspent, else
    ///   {IEvidenceLog-AlreadySpent};
    /// - the masses sum up to the stated one within 30 basis points of it, else {MassDiffers}.
    function issue(RequestId requestId, bytes32 document, Evidence[] calldata movements)
        external
        returns (ReceiptId receiptId);

    /// @notice Lets a stated mass of a pledged receipt leave: the pledgee's two persons sign, the pledgor receives.
    /// @dev The persons sign `ReleaseOrder(uint256 receipt,uint256 massKg,bytes32 gate,uint64 opensAt,uint64 closesAt,
    /// bytes32 to,bytes32 content,uint256 nonce,uint64 deadline)`. Requirements, in the order checked:
    /// - the receipt is issued, else {ReceiptStateIs}; pledged, else {ReceiptNotPledged};
    /// - the caller is the pledgee, else {IPartyRegistry-NotAParty} or {NotController};
    /// - `content` is the receipt's as it stands, else {ContentDiffers};
    /// - the mass is not zero, else {MassOutOfRange}; with all unexpired orders within the receipt's, else {OrderedTooMuch};
    /// - fewer than 16 orders are open, else {TooManyOrders}; a gate is named, else {GateMissing};
    /// - it opens before it closes and closes ahead, else {HoursOutOfRange};
    /// - the holder receives, else {ReceiverIsNot}: an order to the pledgee's own truck would be forfeiture;
    /// - two persons of the pledgee signed, as {ITwoPersonActs}.
    function orderRelease(ReleaseTerms calldata terms, TwoPersons calldata signed) external returns (OrderId orderId);

    /// @notice Lets a stated mass of a receipt that is not pledged leave, on its holder's word.
    /// @dev Requirements as {orderRelease}, but: not pledged, else {ReceiptPledged}; the caller is the holder, else
    /// {NotController}; `to` is any enrolled party, else {IPartyRegistry-PartyUnknown}; no persons.
    function orderReleaseByHolder(ReleaseTerms calldata terms) external returns (OrderId orderId);

    /// @notice Records that ordered goods have left, piece by piece; the last piece ends the receipt.
    /// @dev Possible whatever the standing, and after the order has expired if the exit was in its hours. Requirements,
    /// in the order checked:
    /// - the order exists, else {OrderUnknown}; the receipt is issued, else {ReceiptStateIs};
    /// - the caller operates the site, else {IPartyRegistry-NotAParty}, {NotOperator};
    /// - control has not moved to a pledgee since, else {OrderSuperseded};
    /// - the mass is not zero, else {MassOutOfRange}; within what the order and the receipt leave, else
    ///   {HeavierThanOrdered};
    /// - at least one movement and no more than pieces left, else {MovementsCountIs}; each of kind movement.out, else
    ///   {KindIsNot}; at this site, else {SiteIsNot}; seen in the order's hours, else {ExitOutsideHours}; of a piece of this
    ///   receipt, else {NotAPieceOf}; included, as {IEvidenceLog-requireIncluded}; unspent, else
    ///   {IEvidenceLog-AlreadySpent};
    /// - the masses sum up to the stated one within 30 basis points of it, else {MassDiffers};
    /// - mass is left while pieces are, else {PiecesLeft}; with the last piece at most 30 basis points of the receipt's
    ///   first mass is left over, else {MassLeft}; that remainder ends with the receipt.
    function deliver(OrderId orderId, uint256 massKg, Evidence[] calldata movements) external;

    /// @notice Gives control of a receipt to the pledgee of a pledge that has become effective; earlier orders end.
    /// @dev Requirements: the caller is the pledge registry, else {NotPledgeRegistry}; the receipt is issued, else
    /// {ReceiptStateIs}; not pledged, else {ReceiptPledged}; in holder, mass and pieces as it was when endorsed, else
    /// {ContentDiffers}; with no order open, else {ReceiptHasOpenOrder}.
    function encumber(ReceiptId receiptId, PledgeId pledgeId, PartyId pledgee, bytes32 content) external;

    /// @notice Gives control of a receipt back to its holder.
    /// @dev Requirements: the caller is the pledge registry, else {NotPledgeRegistry}.
    function disencumber(ReceiptId receiptId) external;

    function stateOf(ReceiptId receiptId) external view returns (ReceiptState);
    function requestStateOf(RequestId requestId) external view returns (RequestState);

    /// @notice Who holds title.
    function holderOf(ReceiptId receiptId) external view returns (PartyId);

    /// @notice Who may act on the receipt now: the pledgee while pledged, else the holder; zero if it is not live.
    function controllerOf(ReceiptId receiptId) external view returns (PartyId);

    /// @notice The effective pledge on the receipt; zero if none.
    function pledgeOf(ReceiptId receiptId) external view returns (PledgeId);

    function siteOf(ReceiptId receiptId) external view returns (SiteId);
    function remainingKg(ReceiptId receiptId) external view returns (uint256);

    /// @notice Fingerprints of the pieces that have not left.
    function piecesOf(ReceiptId receiptId) external view returns (bytes32[] memory);

    /// @notice keccak256(abi.encode(receiptId, document, holder, remainingKg, piecesOf)): what acts on it name.
    function contentHashOf(ReceiptId receiptId) external view returns (bytes32);

    /// @notice The live receipt that covers a piece; zero if none.
    function liveReceiptOf(bytes32 fingerprint) external view returns (ReceiptId);

    /// @notice What an order still lets out, in kg, its hours aside.
    function orderLeftKg(OrderId orderId) external view returns (uint256);
}
