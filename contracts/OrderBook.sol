// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IReceiptRegistry} from "./interfaces/IReceiptRegistry.sol";
import {OrderId, ReceiptId, ReleaseTerms, TwoPersons} from "./types.sol";

/// @title Release orders: which mass of which receipt may leave, and in which hours
/// @notice Whether an order is open follows from its hours and what it has left; nothing is stored when it expires.
library OrderBook {
    uint256 private constant OPEN_AT_MOST = 16;
    bytes32 private constant RELEASE_ORDER = keccak256(
        "ReleaseOrder(uint256 receipt,uint256 massKg,bytes32 gate,uint64 opensAt,uint64 closesAt,bytes32 to,bytes32 content,uint256 nonce,uint64 deadline)"
    );

    struct Order {
        uint64 receipt;
        uint64 leftKg;
        uint64 opensAt;
        uint64 closesAt;
    }

    /// @dev `ofReceipt` holds what may be open; what no longer is goes when the next order is placed.
    struct Book {
        uint64 count;
        mapping(OrderId orderId => Order) orders;
        mapping(ReceiptId receiptId => uint64[]) ofReceipt;
    }

    /// @dev Refuses an order that the receipt, of which `remainingKg` is there, cannot bear. Forgets what is not open.
    function requireTerms(Book storage book, ReleaseTerms calldata terms, uint256 remainingKg) internal {
        uint64[] storage candidates = book.ofReceipt[terms.receipt];
        uint256 freeKg = remainingKg;
        uint256 index = 0;
        while (index < candidates.length) {
            Order memory order = book.orders[OrderId.wrap(candidates[index])];
            if (isOpen(order)) {
                freeKg = order.leftKg < freeKg ? freeKg - order.leftKg : 0;
                ++index;
            } else {
                candidates[index] = candidates[candidates.length - 1];
                candidates.pop();
            }
        }
        require(
            terms.massKg <= freeKg, IReceiptRegistry.OrderedTooMuch(terms.receipt, freeKg, terms.massKg)
        );
        require(index < OPEN_AT_MOST, IReceiptRegistry.TooManyOrders(terms.receipt, index));
        require(terms.gate != 0, IReceiptRegistry.GateMissing());
        require(
            terms.opensAt < terms.closesAt && terms.closesAt >= block.timestamp,
            IReceiptRegistry.HoursOutOfRange(terms.opensAt, terms.closesAt, block.timestamp)
        );
    }

    /// @dev Enters an order whose terms were found good.
    function place(Book storage book, ReleaseTerms calldata terms) internal returns (OrderId orderId) {
        uint64 number = ++book.count;
        orderId = OrderId.wrap(number);
        book.orders[orderId] =
            Order(uint64(ReceiptId.unwrap(terms.receipt)), uint64(terms.massKg), terms.opensAt, terms.closesAt);
        book.ofReceipt[terms.receipt].push(number);
    }

    /// @dev Some order that may still let goods of the receipt out; zero if none.
    function firstOpen(Book storage book, ReceiptId receiptId) internal view returns (OrderId) {
        uint64[] storage candidates = book.ofReceipt[receiptId];
        for (uint256 index = 0; index < candidates.length; ++index) {
            OrderId orderId = OrderId.wrap(candidates[index]);
            if (isOpen(book.orders[orderId])) return orderId;
        }
        return OrderId.wrap(0);
    }

    function isOpen(Order memory order) internal view returns (bool) {
        return order.leftKg != 0 && block.timestamp <= order.closesAt;
    }

    /// @dev Whether an exit at that instant was within the order's hours.
    function covers(Order memory order, uint64 seenAtMs) internal pure returns (bool) {
        uint256 second = seenAtMs / 1000;
        return second >= order.opensAt && second <= order.closesAt;
    }

    /// @dev EIP-712 hashStruct of the order as two persons sign it.
    function hash(ReleaseTerms calldata terms, TwoPersons calldata signed) internal pure returns (bytes32) {
        return keccak256(abi.encode(RELEASE_ORDER, terms, signed.nonce, signed.deadline));
    }
}
