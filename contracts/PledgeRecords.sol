// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IPledgeRegistry} from "./interfaces/IPledgeRegistry.sol";
import {IReceiptRegistry} from "./interfaces/IReceiptRegistry.sol";
import {PartyId, PledgeId, PledgeStatus, ReceiptId} from "./types.sol";

/// @title What the pledge registry remembers, and every question about it
abstract contract PledgeRecords is IPledgeRegistry {
    /// @dev `ended` is None while the pledge lives; every other status follows from the instants below.
    struct Pledge {
        PartyId pledgor;
        PartyId pledgee;
        PartyId operator;
        bytes32 terms;
        uint48 endorsedAt;
        uint48 attornedAt;
        uint48 registeredAt;
        uint48 effectiveAt;
        PledgeStatus ended;
        uint64 expiresAt;
        uint64 filedAt;
        uint64 events;
        bytes32 filing;
        bytes32 search;
        bytes32 chain;
        ReceiptId[] receipts;
        mapping(ReceiptId receiptId => bytes32) contentOf;
    }

    IReceiptRegistry public immutable receipts;
    uint256 internal _count;
    mapping(PledgeId pledgeId => Pledge) internal _pledges;
    /// @dev The latest pledge that a receipt was offered under, live or not.
    mapping(ReceiptId receiptId => PledgeId) internal _pledgeOf;

    constructor(IReceiptRegistry receipts_) {
        receipts = receipts_;
    }

    /// @inheritdoc IPledgeRegistry
    function statusOf(PledgeId pledgeId) public view returns (PledgeStatus) {
        Pledge storage pledge = _pledges[pledgeId];
        if (pledge.endorsedAt == 0) return PledgeStatus.None;
        if (pledge.ended != PledgeStatus.None) return pledge.ended;
        if (pledge.effectiveAt != 0) {
            return _holdsAny(pledgeId) ? PledgeStatus.Effective : PledgeStatus.Released;
        }
        if (block.timestamp > pledge.expiresAt) return PledgeStatus.Expired;
        if (pledge.registeredAt != 0) return PledgeStatus.Registered;
        return pledge.attornedAt != 0 ? PledgeStatus.Attorned : PledgeStatus.Endorsed;
    }

    /// @inheritdoc IPledgeRegistry
    function pledgorOf(PledgeId pledgeId) external view returns (PartyId) {
        return _pledges[pledgeId].pledgor;
    }

    /// @inheritdoc IPledgeRegistry
    function pledgeeOf(PledgeId pledgeId) external view returns (PartyId) {
        return _pledges[pledgeId].pledgee;
    }

    /// @inheritdoc IPledgeRegistry
    function receiptsOf(PledgeId pledgeId) external view returns (ReceiptId[] memory) {
        return _pledges[pledgeId].receipts;
    }

    /// @inheritdoc IPledgeRegistry
    function termsOf(PledgeId pledgeId) external view returns (bytes32) {
        return _pledges[pledgeId].terms;
    }

    /// @inheritdoc IPledgeRegistry
    function publicityOf(PledgeId pledgeId)
        external
        view
        returns (uint64 endorsedAt, uint64 attornedAt, uint64 registeredAt, uint64 effectiveAt)
    {
        Pledge storage pledge = _pledges[pledgeId];
        return (pledge.endorsedAt, pledge.attornedAt, pledge.registeredAt, pledge.effectiveAt);
    }

    /// @inheritdoc IPledgeRegistry
    function filingOf(PledgeId pledgeId) external view returns (bytes32 filing, uint64 filedAt, bytes32 search) {
        Pledge storage pledge = _pledges[pledgeId];
        return (pledge.filing, pledge.filedAt, pledge.search);
    }

    /// @inheritdoc IPledgeRegistry
    function loanOf(PledgeId pledgeId) external view returns (uint64 events, bytes32 chain) {
        return (_pledges[pledgeId].events, _pledges[pledgeId].chain);
    }

    /// @inheritdoc IPledgeRegistry
    function livePledgeOf(ReceiptId receiptId) public view returns (PledgeId) {
        PledgeId pledgeId = _pledgeOf[receiptId];
        Pledge storage pledge = _pledges[pledgeId];
        if (pledge.endorsedAt == 0 || pledge.ended != PledgeStatus.None) return PledgeId.wrap(0);
        bool isLive = pledge.effectiveAt != 0 ? _isUnder(pledgeId, receiptId) : block.timestamp <= pledge.expiresAt;
        return isLive ? pledgeId : PledgeId.wrap(0);
    }

    /// @dev Whether the pledge is effective on the receipt.
    function _isUnder(PledgeId pledgeId, ReceiptId receiptId) internal view returns (bool) {
        return PledgeId.unwrap(receipts.pledgeOf(receiptId)) == PledgeId.unwrap(pledgeId);
    }

    function _holdsAny(PledgeId pledgeId) internal view returns (bool) {
        ReceiptId[] storage all = _pledges[pledgeId].receipts;
        for (uint256 i = 0; i < all.length; ++i) {
            if (_isUnder(pledgeId, all[i])) return true;
        }
        return false;
    }

    function _requirePledgee(PledgeId pledgeId, PartyId caller) internal view returns (Pledge storage pledge) {
        pledge = _pledges[pledgeId];
        require(pledge.pledgee == caller, NotPledgee(pledgeId, caller));
    }

    function _requireStatus(PledgeId pledgeId, PledgeStatus wanted) internal view {
        PledgeStatus status = statusOf(pledgeId);
        require(status == wanted, PledgeStatusIs(pledgeId, status));
    }

    function _requireWasEffective(PledgeId pledgeId) internal view {
        PledgeStatus status = statusOf(pledgeId);
        require(
            status == PledgeStatus.Effective || status == PledgeStatus.Released, PledgeStatusIs(pledgeId, status)
        );
    }

    function _requireTerms(Pledge storage pledge, bytes32 terms) internal view {
        require(terms == pledge.terms, TermsDiffer(pledge.terms, terms));
    }
}
