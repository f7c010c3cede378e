// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {IReceiptRegistry} from "./interfaces/IReceiptRegistry.sol";

/// @title How a receipt looks to explorers and wallets: an ERC-721 token that nobody can move there
/// @notice Title moves by an offer that its receiver accepts, control by a pledge.
abstract contract ReceiptToken is IERC721 {
    /// @notice Nobody: a receipt moves by its parties' own acts.
    function getApproved(uint256) external pure returns (address) {
        return address(0);
    }

    /// @notice Never.
    function isApprovedForAll(address, address) external pure returns (bool) {
        return false;
    }

    /// @notice Refused: {IReceiptRegistry-UseOfferTransfer}.
    function safeTransferFrom(address, address, uint256, bytes calldata) external pure {
        revert IReceiptRegistry.UseOfferTransfer();
    }

    /// @notice Refused: {IReceiptRegistry-UseOfferTransfer}.
    function safeTransferFrom(address, address, uint256) external pure {
        revert IReceiptRegistry.UseOfferTransfer();
    }

    /// @notice Refused: {IReceiptRegistry-UseOfferTransfer}.
    function transferFrom(address, address, uint256) external pure {
        revert IReceiptRegistry.UseOfferTransfer();
    }

    /// @notice Refused: {IReceiptRegistry-UseOfferTransfer}.
    function approve(address, uint256) external pure {
        revert IReceiptRegistry.UseOfferTransfer();
    }

    /// @notice Refused: {IReceiptRegistry-UseOfferTransfer}.
    function setApprovalForAll(address, bool) external pure {
        revert IReceiptRegistry.UseOfferTransfer();
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC721).interfaceId || interfaceId == type(IERC165).interfaceId;
    }
}
