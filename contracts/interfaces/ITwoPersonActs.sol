// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {PartyId} from "../types.sol";

/// @title Acts that two natural persons of one party sign
/// @notice Each signs the act's own fields, a nonce of the party's choice and a deadline, as EIP-712 in the domain
/// {name "Tallystick", version "1", chainId, the contract that takes the act}.
/// @dev Requirements, in the order checked: the deadline is not past, else {DeadlinePassed}; the party has not used the
/// nonce here, else {NonceSpent}; each signature is canonical, else {SignatureLengthIs}, {SignatureNotLow} or
/// {SignatureInvalid}; the signers differ, else {SamePersonTwice}; both are persons of the party, else {NotAPersonOf}.
interface ITwoPersonActs {
    error NonceSpent(PartyId party, uint256 nonce);
    error SamePersonTwice(address person);
    error NotAPersonOf(PartyId party, address signer);

    function isNonceSpent(PartyId party, uint256 nonce) external view returns (bool);
}
