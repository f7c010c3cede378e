// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IEvidenceLog} from "./interfaces/IEvidenceLog.sol";
import {IReceiptRegistry} from "./interfaces/IReceiptRegistry.sol";
import {OrderBook} from "./OrderBook.sol";
import {
    NO_PARTY,
    Evidence,
    IssueTerms,
    OrderId,
    PartyId,
    PledgeId,
    ReceiptId,
    ReceiptState,
    RequestId,
    RequestState,
    SiteId
} from "./types.sol";

/// @title What the receipt registry remembers, and every question about it
abstract contract ReceiptRecords is IReceiptRegistry {
    uint256 internal constant TOLERANCE_BPS = 30;

    struct Request {
        PartyId depositor;
        SiteId site;
        bytes32 bay;
        bytes32 commodity;
        bytes32 grade;
        bytes32 document;
        uint64 massKg;
        RequestState state;
        bytes32[] pieces;
    }

    /// @dev The lot's description stays with the request, which also lists the pieces that have not left.
    struct Receipt {
        PartyId holder;
        uint64 request;
        uint64 pledge;
        uint64 remainingKg;
        /// Orders up to this one ended when control moved to a pledgee.
        uint48 ordersUpTo;
        ReceiptState state;
        PartyId pledgee;
    }

    IEvidenceLog public immutable log;
    address public immutable pledges;

    uint64 internal _requestCount;
    uint64 internal _receiptCount;
    mapping(RequestId requestId => Request) internal _requests;
    mapping(ReceiptId receiptId => Receipt) internal _receipts;
    OrderBook.Book internal _orders;
    mapping(PartyId depositor => uint256) internal _openRequests;
    mapping(PartyId holder => uint256) internal _live;
    mapping(bytes32 fingerprint => ReceiptId) public liveReceiptOf;

    /// @inheritdoc IReceiptRegistry
    function stateOf(ReceiptId receiptId) external view returns (ReceiptState) {
        return _receipts[receiptId].state;
    }

    /// @inheritdoc IReceiptRegistry
    function requestStateOf(RequestId requestId) external view returns (RequestState) {
        return _requests[requestId].state;
    }

    /// @inheritdoc IReceiptRegistry
    function holderOf(ReceiptId receiptId) external view returns (PartyId) {
        return _receipts[receiptId].holder;
    }

    /// @inheritdoc IReceiptRegistry
    function controllerOf(ReceiptId receiptId) external view returns (PartyId) {
        Receipt storage receipt = _receipts[receiptId];
        if (receipt.state != ReceiptState.Issued) return NO_PARTY;
        return receipt.pledge == 0 ? receipt.holder : receipt.pledgee;
    }

    /// @inheritdoc IReceiptRegistry
    function pledgeOf(ReceiptId receiptId) external view returns (PledgeId) {
        return PledgeId.wrap(_receipts[receiptId].pledge);
    }

    /// @inheritdoc IReceiptRegistry
    function siteOf(ReceiptId receiptId) external view returns (SiteId) {
        return _lotOf(_receipts[receiptId]).site;
    }

    /// @inheritdoc IReceiptRegistry
    function remainingKg(ReceiptId receiptId) external view returns (uint256) {
        return _receipts[receiptId].remainingKg;
    }

    /// @inheritdoc IReceiptRegistry
    function piecesOf(ReceiptId receiptId) external view returns (bytes32[] memory) {
        return _lotOf(_receipts[receiptId]).pieces;
    }

    /// @inheritdoc IReceiptRegistry
    function contentHashOf(ReceiptId receiptId) public view returns (bytes32) {
        Receipt storage receipt = _receipts[receiptId];
        Request storage lot = _lotOf(receipt);
        return keccak256(abi.encode(receiptId, lot.document, receipt.holder, receipt.remainingKg, lot.pieces));
    }

    /// @inheritdoc IReceiptRegistry
    function orderLeftKg(OrderId orderId) external view returns (uint256) {
        return _orders.orders[orderId].leftKg;
    }

    function _lotOf(Receipt storage receipt) internal view returns (Request storage) {
        return _requests[RequestId.wrap(receipt.request)];
    }

    function _requireIssued(ReceiptId receiptId) internal view {
        ReceiptState state = _receipts[receiptId].state;
        require(state == ReceiptState.Issued, ReceiptStateIs(receiptId, state));
    }

    /// @dev Refuses a request that does not say which pieces of what lie where.
    function _requireLot(IssueTerms calldata terms) internal pure {
        require(terms.bay != 0 && terms.commodity != 0, LotIncomplete(terms.bay, terms.commodity));
        for (uint256 i = 0; i < terms.fingerprints.length; ++i) {
            require(terms.fingerprints[i] != 0, FingerprintMissing(i));
        }
    }

    function _emitRequested(RequestId requestId, PartyId depositor, IssueTerms calldata terms) internal {
        emit IssueRequested(
            requestId,
            depositor,
            terms.site,
            terms.bay,
            terms.commodity,
            terms.grade,
            terms.massKg,
            terms.fingerprints,
            terms.document,
            terms.representations
        );
    }

    function _requireMass(uint256 massKg) internal pure {
        require(massKg != 0 && massKg <= type(uint64).max >> 1, MassOutOfRange(massKg));
    }

    function _requireMeasured(uint256 statedKg, uint256 measuredKg) internal pure {
        uint256 apart = statedKg > measuredKg ? statedKg - measuredKg : measuredKg - statedKg;
        require(apart * 10_000 <= statedKg * TOLERANCE_BPS, MassDiffers(statedKg, measuredKg));
    }

    /// @dev Refuses a statement of another kind or site, or whose mass cannot be one.
    function _requireMovement(Evidence calldata movement, bytes32 kind, SiteId site) internal pure {
        require(movement.statement.kind == kind, KindIsNot(kind, movement.statement.kind));
        require(movement.statement.site == site, SiteIsNot(site, movement.statement.site));
        _requireMass(movement.statement.quantity);
    }

    /// @dev Uses up a movement that is in the site's log; its mass.
    function _spend(Evidence calldata movement, bool creating) internal returns (uint256 massKg) {
        bytes32 id = log.requireIncluded(movement, creating);
        log.spend(id, movement.statement.site);
        return movement.statement.quantity;
    }

    /// @dev Takes a piece off the receipt.
    function _removePiece(ReceiptId receiptId, Request storage lot, bytes32 piece) internal {
        require(
            ReceiptId.unwrap(liveReceiptOf[piece]) == ReceiptId.unwrap(receiptId), NotAPieceOf(receiptId, piece)
        );
        liveReceiptOf[piece] = ReceiptId.wrap(0);
        uint256 index = 0;
        while (lot.pieces[index] != piece) ++index;
        lot.pieces[index] = lot.pieces[lot.pieces.length - 1];
        lot.pieces.pop();
    }

    /// @dev Gives control back to the holder, if it was elsewhere.
    function _free(ReceiptId receiptId) internal {
        Receipt storage receipt = _receipts[receiptId];
        PledgeId pledgeId = PledgeId.wrap(receipt.pledge);
        if (PledgeId.unwrap(pledgeId) == 0) return;
        receipt.pledge = 0;
        receipt.pledgee = NO_PARTY;
        emit ReceiptDisencumbered(receiptId, pledgeId);
    }
}
