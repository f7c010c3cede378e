// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {MerkleLog} from "../../../contracts/MerkleLog.sol";

/// @title The proof library alone, so that tests can hand it any head and leaf
contract MerkleProofs {
    function requireConsistent(
        uint64 oldSize,
        bytes32 oldRoot,
        uint64 newSize,
        bytes32 newRoot,
        bytes32[] calldata proof
    ) external pure {
        MerkleLog.requireConsistent(oldSize, oldRoot, newSize, newRoot, proof);
    }

    function requireIncluded(bytes32 leaf, uint64 index, uint64 size, bytes32 root, bytes32[] calldata proof)
        external
        pure
    {
        MerkleLog.requireIncluded(leaf, index, size, root, proof);
    }
}
