// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IPartyRegistry} from "./interfaces/IPartyRegistry.sol";
import {IPledgeRegistry} from "./interfaces/IPledgeRegistry.sol";
import {IReceiptRegistry} from "./interfaces/IReceiptRegistry.sol";
import {PledgeRecords} from "./PledgeRecords.sol";
import {TwoPersonActs} from "./TwoPersonActs.sol";
import {
    LENDER,
    OPERATOR,
    PartyId,
    PledgeId,
    PledgeStatus,
    ReceiptId,
    ReceiptState,
    TwoPersons
} from "./types.sol";

/// @title PledgeRegistry
/// @notice The acts on pledges; what they leave behind is in {PledgeRecords}.
contract PledgeRegistry is PledgeRecords, TwoPersonActs {
    uint256 private constant RECEIPTS_AT_MOST = 32;
    uint256 private constant EXPIRES_WITHIN = 366 days;
    uint256 private constant LAPSES_AFTER = 7 days;
    bytes32 private constant ACCEPTANCE =
        keccak256("Acceptance(uint256 pledge,bytes32 terms,uint256 nonce,uint64 deadline)");
    bytes32 private constant RELEASE =
        keccak256("Release(uint256 pledge,uint256 receipt,bytes32 content,uint256 nonce,uint64 deadline)");

    constructor(IPartyRegistry parties_, IReceiptRegistry receipts_)
        PledgeRecords(receipts_)
        TwoPersonActs(parties_)
    {}

    /// @inheritdoc IPledgeRegistry
    function endorse(ReceiptId[] calldata receiptIds, PartyId pledgee, bytes32 terms, uint64 expiresAt)
        external
        returns (PledgeId pledgeId)
    {
        PartyId pledgor = parties.requireMayCreate(msg.sender, 0);
        require(terms != 0, TermsMissing());
        require(receiptIds.length != 0 && receiptIds.length <= RECEIPTS_AT_MOST, ReceiptsOutOfRange(receiptIds.length));
        uint256 latest = block.timestamp + EXPIRES_WITHIN;
        require(
            expiresAt > block.timestamp && expiresAt <= latest, ExpiryOutOfRange(expiresAt, block.timestamp, latest)
        );
        parties.requirePartyStanding(pledgee, LENDER);
        require(pledgee != pledgor, PledgeToSelf(pledgee));

        pledgeId = PledgeId.wrap(++_count);
        Pledge storage pledge = _pledges[pledgeId];
        pledge.pledgor = pledgor;
        pledge.pledgee = pledgee;
        pledge.operator = parties.operatorOf(receipts.siteOf(receiptIds[0]));
        pledge.terms = terms;
        pledge.endorsedAt = uint48(block.timestamp);
        pledge.expiresAt = expiresAt;
        for (uint256 i = 0; i < receiptIds.length; ++i) {
            _offer(pledgeId, pledge, receiptIds[i]);
        }
        emit PledgeEndorsed(pledgeId, pledgor, pledgee, receiptIds, terms, expiresAt);
    }

    /// @inheritdoc IPledgeRegistry
    function attorn(PledgeId pledgeId, bytes32 terms) external {
        PartyId operator = parties.requireMayCreate(msg.sender, OPERATOR);
        Pledge storage pledge = _pledges[pledgeId];
        require(pledge.operator == operator, NotOperatorOf(pledgeId, operator));
        _requireStatus(pledgeId, PledgeStatus.Endorsed);
        _requireTerms(pledge, terms);
        pledge.attornedAt = uint48(block.timestamp);
        emit PledgeAttorned(pledgeId, operator);
    }

    /// @inheritdoc IPledgeRegistry
    function register(PledgeId pledgeId, bytes32 terms, bytes32 filing, uint64 filedAt, bytes32 search) external {
        Pledge storage pledge = _requirePledgee(pledgeId, parties.requireMayCreate(msg.sender, LENDER));
        _requireStatus(pledgeId, PledgeStatus.Attorned);
        _requireTerms(pledge, terms);
        require(filing != 0 && filedAt != 0, FilingMissing());
        require(search != 0, SearchMissing());
        pledge.registeredAt = uint48(block.timestamp);
        pledge.filing = filing;
        pledge.filedAt = filedAt;
        pledge.search = search;
        emit PledgeRegistered(pledgeId, filing, filedAt, search);
    }

    /// @inheritdoc IPledgeRegistry
    function accept(PledgeId pledgeId, bytes32 terms, TwoPersons calldata signed) external {
        PartyId pledgee = parties.requireMayCreate(msg.sender, LENDER);
        Pledge storage pledge = _requirePledgee(pledgeId, pledgee);
        _requireStatus(pledgeId, PledgeStatus.Registered);
        _requireTerms(pledge, terms);
        bytes32 act = keccak256(abi.encode(ACCEPTANCE, pledgeId, terms, signed.nonce, signed.deadline));
        _requireTwoPersons(pledgee, act, signed);

        pledge.effectiveAt = uint48(block.timestamp);
        emit PledgeEffective(pledgeId, pledgee);
        for (uint256 i = 0; i < pledge.receipts.length; ++i) {
            ReceiptId receiptId = pledge.receipts[i];
            receipts.encumber(receiptId, pledgeId, pledgee, pledge.contentOf[receiptId]);
        }
    }

    /// @inheritdoc IPledgeRegistry
    function withdraw(PledgeId pledgeId) external {
        PartyId caller = parties.requireEnrolled(msg.sender, 0);
        Pledge storage pledge = _pledges[pledgeId];
        require(caller == pledge.pledgor || caller == pledge.pledgee, NotPartyTo(pledgeId, caller));
        PledgeStatus status = statusOf(pledgeId);
        require(
            status == PledgeStatus.Endorsed || status == PledgeStatus.Attorned || status == PledgeStatus.Registered,
            PledgeStatusIs(pledgeId, status)
        );
        pledge.ended = PledgeStatus.Withdrawn;
        emit PledgeWithdrawn(pledgeId, caller);
    }

    /// @inheritdoc IPledgeRegistry
    function lapse(PledgeId pledgeId) external {
        PartyId caller = parties.requireEnrolled(msg.sender, 0);
        Pledge storage pledge = _pledges[pledgeId];
        require(caller == pledge.pledgor, NotPledgor(pledgeId, caller));
        _requireStatus(pledgeId, PledgeStatus.Effective);
        require(pledge.events == 0, LoanEventsExist(pledgeId, pledge.events));
        uint256 lapsesAt = pledge.effectiveAt + LAPSES_AFTER;
        require(block.timestamp > lapsesAt, NotLapsed(pledgeId, lapsesAt));
        pledge.ended = PledgeStatus.Expired;
        emit PledgeLapsed(pledgeId);
        for (uint256 i = 0; i < pledge.receipts.length; ++i) {
            if (_isUnder(pledgeId, pledge.receipts[i])) receipts.disencumber(pledge.receipts[i]);
        }
    }

    /// @inheritdoc IPledgeRegistry
    function recordLoanEvent(PledgeId pledgeId, bytes32 commitment) external {
        Pledge storage pledge = _requirePledgee(pledgeId, parties.requireEnrolled(msg.sender, 0));
        _requireWasEffective(pledgeId);
        require(commitment != 0, CommitmentMissing());
        pledge.chain = keccak256(abi.encode(pledge.chain, commitment));
        pledge.events += 1;
        emit LoanEventRecorded(pledgeId, pledge.events, commitment, pledge.chain);
    }

    /// @inheritdoc IPledgeRegistry
    function release(PledgeId pledgeId, ReceiptId receiptId, bytes32 content, TwoPersons calldata signed) external {
        PartyId pledgee = parties.requireEnrolled(msg.sender, 0);
        _requirePledgee(pledgeId, pledgee);
        _requireStatus(pledgeId, PledgeStatus.Effective);
        require(_isUnder(pledgeId, receiptId), NotUnderPledge(pledgeId, receiptId));
        bytes32 current = receipts.contentHashOf(receiptId);
        require(content == current, SeenContentDiffers(receiptId, current, content));
        bytes32 act = keccak256(abi.encode(RELEASE, pledgeId, receiptId, content, signed.nonce, signed.deadline));
        _requireTwoPersons(pledgee, act, signed);
        emit PledgeReleased(pledgeId, receiptId);
        receipts.disencumber(receiptId);
    }

    /// @inheritdoc IPledgeRegistry
    function close(PledgeId pledgeId) external {
        Pledge storage pledge = _requirePledgee(pledgeId, parties.requireEnrolled(msg.sender, 0));
        _requireWasEffective(pledgeId);
        for (uint256 i = 0; i < pledge.receipts.length; ++i) {
            ReceiptId receiptId = pledge.receipts[i];
            require(!_isUnder(pledgeId, receiptId), ReceiptStillPledged(pledgeId, receiptId));
        }
        pledge.ended = PledgeStatus.Closed;
        emit LoanClosed(pledgeId);
    }

    /// @dev Puts a receipt under an endorsed pledge, as it is now.
    function _offer(PledgeId pledgeId, Pledge storage pledge, ReceiptId receiptId) private {
        ReceiptState state = receipts.stateOf(receiptId);
        require(state == ReceiptState.Issued, IReceiptRegistry.ReceiptStateIs(receiptId, state));
        PartyId holder = receipts.holderOf(receiptId);
        require(holder == pledge.pledgor, ReceiptNotHeld(receiptId, holder, pledge.pledgor));
        PledgeId live = livePledgeOf(receiptId);
        require(PledgeId.unwrap(live) == 0, SecondPledge(receiptId, live));
        PartyId operator = parties.operatorOf(receipts.siteOf(receiptId));
        require(operator == pledge.operator, OperatorsDiffer(receiptId, pledge.operator, operator));
        pledge.receipts.push(receiptId);
        pledge.contentOf[receiptId] = receipts.contentHashOf(receiptId);
        _pledgeOf[receiptId] = pledgeId;
    }
}
