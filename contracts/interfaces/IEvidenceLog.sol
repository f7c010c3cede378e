// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Evidence, Head, PartyId, SiteId} from "../types.sol";

/// @title The evidence logs of all sites: what was anchored, what was witnessed, what was spent
/// @notice A head says "this tree extends what was anchored before", no more: it becomes evidence when a party with
/// opposed interests has re-derived it from all bytes and witnesses it. Trees, leaves and proofs are RFC 9162, SHA-256.
/// Provable are the latest 64 heads, the latest witnessed one, and always one that is between 24 and 48 hours old.
interface IEvidenceLog {
    event LogOpened(SiteId indexed site, uint64 epoch, bytes32 root);
    /// @notice Extends the head before; says nothing of what was left out.
    event HeadAnchored(SiteId indexed site, uint64 epoch, uint64 size, bytes32 root);
    /// @notice `by` has re-derived the root from all bytes.
    event HeadWitnessed(SiteId indexed site, uint64 size, bytes32 root, PartyId by);
    event StatementSpent(bytes32 indexed id, SiteId indexed site);

    error NotBridge(SiteId site, address caller);
    error LogAlreadyOpen(SiteId site, uint64 epoch);
    error LogNotOpen(SiteId site);
    error GrowthOutOfRange(uint64 oldSize, uint64 newSize);
    error ProofTooShort(uint256 given);
    error ProofTooLong(uint256 given);
    error OldRootNotProven(bytes32 anchored, bytes32 computed);
    error NewRootNotProven(bytes32 claimed, bytes32 computed);
    error HeadUnknown(SiteId site, uint64 size);
    error RootDiffers(SiteId site, uint64 size, bytes32 anchored, bytes32 claimed);
    error WitnessNotOpposed(PartyId party, uint16 capacities);
    error AlreadyWitnessed(SiteId site, uint64 size);
    error HeadNotWitnessed(SiteId site, uint64 size);
    error HeadNotSettled(SiteId site, uint64 size, uint64 anchoredAt, uint256 now_);
    error IndexOutOfRange(uint64 index, uint64 size);
    error NotIncluded(bytes32 root, bytes32 computed);
    error NotSpender(address caller);
    error AlreadySpent(bytes32 id);

    /// @notice Opens a site's log with a genesis leaf that nobody chose: a tag, this chain, this contract, site and epoch.
    /// @dev Requirements: the caller is the site's bridge, else {NotBridge}; the log is not open, else {LogAlreadyOpen}.
    function openLog(SiteId site) external;

    /// @notice Anchors a longer head of a site's log.
    /// @dev Never paused: an exit may need it. Requirements, in the order checked:
    /// - the caller is the site's bridge, else {NotBridge}; the log is open, else {LogNotOpen};
    /// - it grows by 1 to 2^20 leaves, else {GrowthOutOfRange};
    /// - `proof` is an RFC 9162 consistency proof from the latest head, else {ProofTooShort}, {ProofTooLong},
    ///   {OldRootNotProven} or {NewRootNotProven}.
    function anchor(SiteId site, uint64 size, bytes32 root, bytes32[] calldata proof) external;

    /// @notice States that the caller has re-derived this head from all bytes of the log.
    /// @dev Requirements, in the order checked:
    /// - the caller is a party, else {IPartyRegistry-NotAParty}, not suspended, else {IPartyRegistry-PartyIsSuspended};
    /// - a lender or inspector that is neither operator nor depositor, else {WitnessNotOpposed};
    /// - the head is provable, else {HeadUnknown}; its root is this one, else {RootDiffers};
    /// - it is larger than the latest witnessed one, else {AlreadyWitnessed}.
    function witness(SiteId site, uint64 size, bytes32 root) external;

    /// @notice Marks a statement as used; each can be used once.
    /// @dev Requirements: the caller is the receipt registry, else {NotSpender}; the statement is unspent, else
    /// {AlreadySpent}.
    function spend(bytes32 id, SiteId site) external;

    /// @notice Refuses evidence that is not signed by an enrolled device or not in the site's log.
    /// @dev Requirements, in the order checked:
    /// - the statement counts, as {IPartyRegistry-requireStatement};
    /// - the head is provable, else {HeadUnknown};
    /// - if `creating`: witnessed, else {HeadNotWitnessed}; if not: witnessed or anchored 24 hours ago, else
    ///   {HeadNotSettled};
    /// - the index is within the head and not the genesis, else {IndexOutOfRange};
    /// - the inclusion proof leads to its root, else {ProofTooShort}, {ProofTooLong} or {NotIncluded}.
    /// @return id the statement's id.
    function requireIncluded(Evidence calldata evidence, bool creating) external view returns (bytes32 id);

    /// @notice The newest head of a site.
    /// @dev Requirements: the log is open, else {LogNotOpen}.
    function latestHead(SiteId site) external view returns (Head memory);

    /// @notice The newest witnessed head of a site; size 0 if none was.
    function latestWitnessed(SiteId site) external view returns (Head memory);

    /// @notice The head of that size.
    /// @dev Requirements: it is provable, else {HeadUnknown}.
    function headOf(SiteId site, uint64 size) external view returns (Head memory);

    /// @notice The leaf that a log starts with.
    function genesisOf(SiteId site, uint64 epoch) external view returns (bytes32);

    function isSpent(bytes32 id) external view returns (bool);
}
