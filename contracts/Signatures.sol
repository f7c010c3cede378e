// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @dev A signature is r‖s‖v, 65 bytes.
error SignatureLengthIs(uint256 length);
/// @dev s must be at most n/2, else one signature would have a twin.
error SignatureNotLow(bytes32 s);
/// @dev v is neither 27 nor 28, or no key gives this signature.
error SignatureInvalid();
/// @dev The statement, request or act is older than its signer allowed.
error DeadlinePassed(uint64 deadline, uint256 now_);

/// @title One way to learn who signed
library Signatures {
    /// @dev The signer of `digest`; refuses every signature that is not the one canonical form.
    function signerOf(bytes32 digest, bytes calldata signature) internal pure returns (address signer) {
        ECDSA.RecoverError failure;
        bytes32 fact;
        (signer, failure, fact) = ECDSA.tryRecoverCalldata(digest, signature);
        require(failure != ECDSA.RecoverError.InvalidSignatureLength, SignatureLengthIs(uint256(fact)));
        require(failure != ECDSA.RecoverError.InvalidSignatureS, SignatureNotLow(fact));
        require(failure == ECDSA.RecoverError.NoError, SignatureInvalid());
    }
}
