// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IEvidenceLog} from "./interfaces/IEvidenceLog.sol";

/// @title Proofs over append-only SHA-256 trees, as RFC 9162 section 2.1 verifies them
/// @notice No sizes and no proof, however malformed, panic: each is refused by an error of {IEvidenceLog}.
library MerkleLog {
    uint64 private constant GROWTH_AT_MOST = 1 << 20;

    /// @dev SHA-256(0x00 ‖ entry).
    function leaf(bytes memory entry) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x00), entry));
    }

    /// @dev Refuses unless the tree `newRoot` of `newSize` leaves begins with the tree `oldRoot` of `oldSize`, by 1 to
    /// 2^20 leaves (RFC 9162 section 2.1.4.2). Does not bind `newSize`: other sizes can fit the same proof.
    function requireConsistent(
        uint64 oldSize,
        bytes32 oldRoot,
        uint64 newSize,
        bytes32 newRoot,
        bytes32[] calldata proof
    ) internal pure {
        bool grows = oldSize != 0 && newSize > oldSize && newSize - oldSize <= GROWTH_AT_MOST;
        require(grows, IEvidenceLog.GrowthOutOfRange(oldSize, newSize));
        uint256 fn = oldSize - 1;
        uint256 sn = newSize - 1;
        uint256 next = 0;
        bytes32 fr = oldRoot;
        if (oldSize & (oldSize - 1) != 0) {
            require(proof.length != 0, IEvidenceLog.ProofTooShort(0));
            fr = proof[next++];
        }
        bytes32 sr = fr;
        while (fn & 1 == 1) (fn, sn) = (fn >> 1, sn >> 1);
        for (; next < proof.length; ++next) {
            require(sn != 0, IEvidenceLog.ProofTooLong(proof.length));
            bytes32 sibling = proof[next];
            if (fn & 1 == 1 || fn == sn) {
                fr = _node(sibling, fr);
                sr = _node(sibling, sr);
                while (fn & 1 == 0 && fn != 0) (fn, sn) = (fn >> 1, sn >> 1);
            } else {
                sr = _node(sr, sibling);
            }
            (fn, sn) = (fn >> 1, sn >> 1);
        }
        require(sn == 0, IEvidenceLog.ProofTooShort(proof.length));
        require(fr == oldRoot, IEvidenceLog.OldRootNotProven(oldRoot, fr));
        require(sr == newRoot, IEvidenceLog.NewRootNotProven(newRoot, sr));
    }

    /// @dev Refuses unless `leafHash` is leaf `index` of the tree `root` of `size` leaves (RFC 9162 section 2.1.3.2).
    function requireIncluded(bytes32 leafHash, uint64 index, uint64 size, bytes32 root, bytes32[] calldata proof)
        internal
        pure
    {
        require(index < size, IEvidenceLog.IndexOutOfRange(index, size));
        uint256 fn = index;
        uint256 sn = size - 1;
        bytes32 computed = leafHash;
        for (uint256 next = 0; next < proof.length; ++next) {
            require(sn != 0, IEvidenceLog.ProofTooLong(proof.length));
            if (fn & 1 == 1 || fn == sn) {
                computed = _node(proof[next], computed);
                while (fn & 1 == 0 && fn != 0) (fn, sn) = (fn >> 1, sn >> 1);
            } else {
                computed = _node(computed, proof[next]);
            }
            (fn, sn) = (fn >> 1, sn >> 1);
        }
        require(sn == 0, IEvidenceLog.ProofTooShort(proof.length));
        require(computed == root, IEvidenceLog.NotIncluded(root, computed));
    }

    /// @dev SHA-256(0x01 ‖ left ‖ right).
    function _node(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x01), left, right));
    }
}
