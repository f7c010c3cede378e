// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IPartyRegistry} from "./interfaces/IPartyRegistry.sol";
import {ITwoPersonActs} from "./interfaces/ITwoPersonActs.sol";
import {DeadlinePassed, Signatures} from "./Signatures.sol";
import {PartyId, TwoPersons} from "./types.sol";

/// @title What a contract needs to take acts that two persons signed
abstract contract TwoPersonActs is ITwoPersonActs, EIP712 {
    IPartyRegistry public immutable parties;
    mapping(PartyId party => mapping(uint256 nonce => bool)) public isNonceSpent;

    constructor(IPartyRegistry parties_) EIP712("Tallystick", "1") {
        parties = parties_;
    }

    /// @dev Spends the nonce. `act` is the EIP-712 hashStruct of the act, nonce and deadline included.
    function _requireTwoPersons(PartyId party, bytes32 act, TwoPersons calldata signed) internal {
        require(block.timestamp <= signed.deadline, DeadlinePassed(signed.deadline, block.timestamp));
        require(!isNonceSpent[party][signed.nonce], NonceSpent(party, signed.nonce));
        bytes32 digest = _hashTypedDataV4(act);
        address first = Signatures.signerOf(digest, signed.first);
        address second = Signatures.signerOf(digest, signed.second);
        require(first != second, SamePersonTwice(first));
        require(parties.personOf(first) == party, NotAPersonOf(party, first));
        require(parties.personOf(second) == party, NotAPersonOf(party, second));
        isNonceSpent[party][signed.nonce] = true;
    }
}
