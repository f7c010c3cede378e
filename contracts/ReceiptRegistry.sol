// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IEvidenceLog} from "./interfaces/IEvidenceLog.sol";
import {IPartyRegistry} from "./interfaces/IPartyRegistry.sol";
import {IReceiptRegistry} from "./interfaces/IReceiptRegistry.sol";
import {OrderBook} from "./OrderBook.sol";
import {ReceiptRecords} from "./ReceiptRecords.sol";
import {ReceiptToken} from "./ReceiptToken.sol";
import {TwoPersonActs} from "./TwoPersonActs.sol";
import {
    DEPOSITOR,
    MOVEMENT_IN,
    MOVEMENT_OUT,
    NO_PARTY,
    OPERATOR,
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
} from "./types.sol";

/// @title ReceiptRegistry
/// @notice The acts on receipts; what they leave behind is in {ReceiptRecords}.
contract ReceiptRegistry is ReceiptRecords, ReceiptToken, TwoPersonActs {
    using OrderBook for OrderBook.Book;

    uint256 private constant PIECES_AT_MOST = 64;
    uint256 private constant REQUESTS_AT_MOST = 16;

    constructor(IPartyRegistry parties_, IEvidenceLog log_, address pledges_) TwoPersonActs(parties_) {
        log = log_;
        pledges = pledges_;
    }

    /// @inheritdoc IReceiptRegistry
    function requestIssue(IssueTerms calldata terms) external returns (RequestId requestId) {
        PartyId depositor = parties.requireMayCreate(msg.sender, DEPOSITOR);
        parties.requireSiteStanding(terms.site);
        _requireMass(terms.massKg);
        uint256 pieces = terms.fingerprints.length;
        require(pieces != 0 && pieces <= PIECES_AT_MOST, PiecesOutOfRange(pieces));
        _requireLot(terms);
        require(terms.document != 0, DocumentMissing());
        require(terms.representations != 0, RepresentationsMissing());
        uint256 open = _openRequests[depositor];
        require(open < REQUESTS_AT_MOST, QuotaReached(depositor, open));

        requestId = RequestId.wrap(++_requestCount);
        _openRequests[depositor] = open + 1;
        _requests[requestId] = Request({
            depositor: depositor,
            site: terms.site,
            bay: terms.bay,
            commodity: terms.commodity,
            grade: terms.grade,
            document: terms.document,
            massKg: uint64(terms.massKg),
            state: RequestState.Open,
            pieces: terms.fingerprints
        });
        _emitRequested(requestId, depositor, terms);
    }

    /// @inheritdoc IReceiptRegistry
    function cancelRequest(RequestId requestId) external {
        PartyId caller = parties.requireEnrolled(msg.sender, 0);
        Request storage request = _requests[requestId];
        require(request.state == RequestState.Open, RequestStateIs(requestId, request.state));
        require(request.depositor == caller, NotDepositor(requestId, caller));
        request.state = RequestState.Cancelled;
        _openRequests[caller] -= 1;
        emit RequestCancelled(requestId);
    }

    /// @inheritdoc IReceiptRegistry
    function issue(RequestId requestId, bytes32 document, Evidence[] calldata movements)
        external
        returns (ReceiptId receiptId)
    {
        PartyId operator = parties.requireMayCreate(msg.sender, OPERATOR);
        Request storage lot = _requests[requestId];
        require(lot.state == RequestState.Open, RequestStateIs(requestId, lot.state));
        require(parties.operatorOf(lot.site) == operator, NotOperator(lot.site, operator));
        parties.requireSiteStanding(lot.site);
        require(document == lot.document, DocumentDiffers(lot.document, document));
        require(movements.length == lot.pieces.length, MovementsCountIs(lot.pieces.length, movements.length));
        receiptId = ReceiptId.wrap(++_receiptCount);
        _requireMeasured(lot.massKg, _takeIn(receiptId, lot, movements));

        lot.state = RequestState.Answered;
        _openRequests[lot.depositor] -= 1;
        _live[lot.depositor] += 1;
        _receipts[receiptId] = Receipt({
            holder: lot.depositor,
            request: uint64(RequestId.unwrap(requestId)),
            pledge: 0,
            remainingKg: lot.massKg,
            ordersUpTo: 0,
            state: ReceiptState.Issued,
            pledgee: NO_PARTY
        });
        _emitIssued(receiptId, requestId, operator);
    }

    /// @inheritdoc IReceiptRegistry
    function orderRelease(ReleaseTerms calldata terms, TwoPersons calldata signed)
        external
        returns (OrderId orderId)
    {
        _requireIssued(terms.receipt);
        Receipt storage receipt = _receipts[terms.receipt];
        require(receipt.pledge != 0, ReceiptNotPledged(terms.receipt));
        PartyId pledgee = parties.requireEnrolled(msg.sender, 0);
        require(receipt.pledgee == pledgee, NotController(terms.receipt, receipt.pledgee, pledgee));
        _requireTerms(terms, receipt.remainingKg);
        require(terms.to == receipt.holder, ReceiverIsNot(receipt.holder, terms.to));
        _requireTwoPersons(pledgee, OrderBook.hash(terms, signed), signed);
        orderId = _order(terms, pledgee);
    }

    /// @inheritdoc IReceiptRegistry
    function orderReleaseByHolder(ReleaseTerms calldata terms) external returns (OrderId orderId) {
        _requireIssued(terms.receipt);
        Receipt storage receipt = _receipts[terms.receipt];
        require(receipt.pledge == 0, ReceiptPledged(terms.receipt, PledgeId.wrap(receipt.pledge)));
        PartyId holder = parties.requireEnrolled(msg.sender, 0);
        require(receipt.holder == holder, NotController(terms.receipt, receipt.holder, holder));
        _requireTerms(terms, receipt.remainingKg);
        require(parties.accountOf(terms.to) != address(0), IPartyRegistry.PartyUnknown(terms.to));
        orderId = _order(terms, holder);
    }

    /// @inheritdoc IReceiptRegistry
    function deliver(OrderId orderId, uint256 massKg, Evidence[] calldata movements) external {
        OrderBook.Order storage order = _orders.orders[orderId];
        require(order.receipt != 0, OrderUnknown(orderId));
        ReceiptId receiptId = ReceiptId.wrap(order.receipt);
        _requireIssued(receiptId);
        Receipt storage receipt = _receipts[receiptId];
        Request storage lot = _lotOf(receipt);
        PartyId caller = parties.requireEnrolled(msg.sender, 0);
        require(parties.operatorOf(lot.site) == caller, NotOperator(lot.site, caller));
        require(OrderId.unwrap(orderId) > receipt.ordersUpTo, OrderSuperseded(orderId, receiptId));
        _requireMass(massKg);
        uint256 left = order.leftKg < receipt.remainingKg ? order.leftKg : receipt.remainingKg;
        require(massKg <= left, HeavierThanOrdered(orderId, left, massKg));
        bytes32[] memory gone = _letOut(orderId, massKg, movements);

        order.leftKg -= uint64(massKg);
        receipt.remainingKg -= uint64(massKg);
        if (lot.pieces.length == 0) _end(receiptId);
        else require(receipt.remainingKg != 0, PiecesLeft(receiptId, lot.pieces.length));
        emit GoodsDelivered(receiptId, orderId, massKg, gone, receipt.remainingKg);
    }

    /// @inheritdoc IReceiptRegistry
    function encumber(ReceiptId receiptId, PledgeId pledgeId, PartyId pledgee, bytes32 content) external {
        require(msg.sender == pledges, NotPledgeRegistry(msg.sender));
        _requireIssued(receiptId);
        Receipt storage receipt = _receipts[receiptId];
        require(receipt.pledge == 0, ReceiptPledged(receiptId, PledgeId.wrap(receipt.pledge)));
        bytes32 current = contentHashOf(receiptId);
        require(current == content, ContentDiffers(receiptId, current, content));
        OrderId open = _orders.firstOpen(receiptId);
        require(OrderId.unwrap(open) == 0, ReceiptHasOpenOrder(receiptId, open));
        receipt.pledge = uint64(PledgeId.unwrap(pledgeId));
        receipt.ordersUpTo = uint48(_orders.count);
        receipt.pledgee = pledgee;
        emit ReceiptEncumbered(receiptId, pledgeId, pledgee);
    }

    /// @inheritdoc IReceiptRegistry
    function disencumber(ReceiptId receiptId) external {
        require(msg.sender == pledges, NotPledgeRegistry(msg.sender));
        _free(receiptId);
    }

    /// @notice Live receipts that the account's party holds.
    function balanceOf(address owner) external view returns (uint256) {
        return _live[parties.partyOf(owner)];
    }

    /// @notice The account of the holder of title.
    /// @dev Requirements: the receipt is issued, else {ReceiptStateIs}.
    function ownerOf(uint256 tokenId) external view returns (address) {
        _requireIssued(ReceiptId.wrap(tokenId));
        return parties.accountOf(_receipts[ReceiptId.wrap(tokenId)].holder);
    }

    /// @dev Covers each piece of the lot by its movement; the sum of their masses.
    function _takeIn(ReceiptId receiptId, Request storage lot, Evidence[] calldata movements)
        private
        returns (uint256 massKg)
    {
        SiteId site = lot.site;
        for (uint256 i = 0; i < movements.length; ++i) {
            bytes32 piece = lot.pieces[i];
            _requireMovement(movements[i], MOVEMENT_IN, site);
            bytes32 subject = movements[i].statement.subject;
            require(subject == piece, SubjectIsNot(piece, subject));
            ReceiptId live = liveReceiptOf[piece];
            require(ReceiptId.unwrap(live) == 0, FingerprintLive(piece, live));
            liveReceiptOf[piece] = receiptId;
            massKg += _spend(movements[i], true);
        }
    }

    /// @dev Takes each piece that was seen leaving off the receipt; their fingerprints.
    function _letOut(OrderId orderId, uint256 massKg, Evidence[] calldata movements)
        private
        returns (bytes32[] memory gone)
    {
        OrderBook.Order memory order = _orders.orders[orderId];
        ReceiptId receiptId = ReceiptId.wrap(order.receipt);
        Request storage lot = _lotOf(_receipts[receiptId]);
        uint256 most = lot.pieces.length;
        uint256 wanted = movements.length == 0 ? 1 : most;
        require(movements.length != 0 && movements.length <= most, MovementsCountIs(wanted, movements.length));
        gone = new bytes32[](movements.length);
        uint256 measured = 0;
        for (uint256 i = 0; i < movements.length; ++i) {
            _requireMovement(movements[i], MOVEMENT_OUT, lot.site);
            uint64 seenAtMs = movements[i].statement.seenAtMs;
            require(OrderBook.covers(order, seenAtMs), ExitOutsideHours(orderId, seenAtMs));
            gone[i] = movements[i].statement.subject;
            _removePiece(receiptId, lot, gone[i]);
            measured += _spend(movements[i], false);
        }
        _requireMeasured(massKg, measured);
    }

    /// @dev The last piece has left: what mass is left over is measurement, or it is missing.
    function _end(ReceiptId receiptId) private {
        Receipt storage receipt = _receipts[receiptId];
        uint256 left = receipt.remainingKg;
        require(left * 10_000 <= uint256(_lotOf(receipt).massKg) * TOLERANCE_BPS, MassLeft(receiptId, left));
        receipt.remainingKg = 0;
        receipt.state = ReceiptState.Delivered;
        _live[receipt.holder] -= 1;
        _free(receiptId);
        emit Transfer(parties.accountOf(receipt.holder), address(0), ReceiptId.unwrap(receiptId));
    }

    function _requireTerms(ReleaseTerms calldata terms, uint256 remaining) private {
        bytes32 current = contentHashOf(terms.receipt);
        require(terms.content == current, ContentDiffers(terms.receipt, current, terms.content));
        _requireMass(terms.massKg);
        _orders.requireTerms(terms, remaining);
    }

    function _order(ReleaseTerms calldata terms, PartyId by) private returns (OrderId orderId) {
        orderId = _orders.place(terms);
        emit ReleaseOrdered(
            orderId, terms.receipt, terms.massKg, terms.gate, terms.opensAt, terms.closesAt, terms.to, by
        );
    }

    function _emitIssued(ReceiptId receiptId, RequestId requestId, PartyId operator) private {
        Request memory lot = _requests[requestId];
        emit ReceiptIssued(
            receiptId,
            requestId,
            lot.depositor,
            operator,
            lot.site,
            lot.bay,
            lot.commodity,
            lot.grade,
            lot.massKg,
            lot.pieces,
            lot.document
        );
        emit Transfer(address(0), parties.accountOf(lot.depositor), ReceiptId.unwrap(receiptId));
    }
}
