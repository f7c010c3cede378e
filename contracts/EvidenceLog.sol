// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IEvidenceLog} from "./interfaces/IEvidenceLog.sol";
import {IPartyRegistry} from "./interfaces/IPartyRegistry.sol";
import {MerkleLog} from "./MerkleLog.sol";
import {DEPOSITOR, INSPECTOR, LENDER, OPERATOR, Evidence, Head, PartyId, SiteId} from "./types.sol";

/// @title EvidenceLog
contract EvidenceLog is IEvidenceLog {
    uint64 private constant RING = 64;
    /// @dev How long a head that nobody witnessed must have stood before an exit may rest on it.
    uint64 private constant SETTLES_AFTER = 24 hours;

    /// @dev One slot: where a log stands. `heads` counts every head; the newest is at `heads - 1` in the ring.
    struct Log {
        uint64 size;
        uint64 witnessedSize;
        uint48 heads;
        uint48 settlingSince;
        uint32 epoch;
    }

    IPartyRegistry public immutable parties;
    address public immutable spender;

    mapping(SiteId site => Log) private _logs;
    mapping(SiteId site => mapping(uint256 position => Head)) private _ring;
    mapping(SiteId site => Head) private _witnessed;
    /// @dev Kept beyond the ring so that there always is a provable head of 24 hours, however often a site anchors:
    /// `settling` is kept until it has settled, then becomes `settled`, and the head anchored then settles next.
    mapping(SiteId site => Head) private _settling;
    mapping(SiteId site => Head) private _settled;
    mapping(bytes32 id => bool) public isSpent;

    constructor(IPartyRegistry parties_, address spender_) {
        parties = parties_;
        spender = spender_;
    }

    /// @inheritdoc IEvidenceLog
    function openLog(SiteId site) external {
        require(msg.sender == parties.bridgeOf(site), NotBridge(site, msg.sender));
        Log memory log = _logs[site];
        require(log.epoch == 0, LogAlreadyOpen(site, log.epoch));
        log.epoch = 1;
        bytes32 root = genesisOf(site, 1);
        _append(site, log, 1, root);
        emit LogOpened(site, 1, root);
    }

    /// @inheritdoc IEvidenceLog
    function anchor(SiteId site, uint64 size, bytes32 root, bytes32[] calldata proof) external {
        require(msg.sender == parties.bridgeOf(site), NotBridge(site, msg.sender));
        Log memory log = _logs[site];
        require(log.epoch != 0, LogNotOpen(site));
        MerkleLog.requireConsistent(log.size, _ring[site][(log.heads - 1) % RING].root, size, root, proof);
        _append(site, log, size, root);
        emit HeadAnchored(site, log.epoch, size, root);
    }

    /// @inheritdoc IEvidenceLog
    function witness(SiteId site, uint64 size, bytes32 root) external {
        PartyId party = parties.requireEnrolled(msg.sender, 0);
        parties.requirePartyStanding(party, 0);
        uint16 capacities = parties.capacitiesOf(party);
        bool opposed = capacities & (LENDER | INSPECTOR) != 0 && capacities & (OPERATOR | DEPOSITOR) == 0;
        require(opposed, WitnessNotOpposed(party, capacities));
        (Head memory head, bool inRing, uint256 position) = _find(site, size);
        require(head.root == root, RootDiffers(site, size, head.root, root));
        require(size > _logs[site].witnessedSize, AlreadyWitnessed(site, _logs[site].witnessedSize));
        head.witnessed = true;
        _logs[site].witnessedSize = size;
        _witnessed[site] = head;
        if (inRing) _ring[site][position].witnessed = true;
        emit HeadWitnessed(site, size, root, party);
    }

    /// @inheritdoc IEvidenceLog
    function spend(bytes32 id, SiteId site) external {
        require(msg.sender == spender, NotSpender(msg.sender));
        require(!isSpent[id], AlreadySpent(id));
        isSpent[id] = true;
        emit StatementSpent(id, site);
    }

    /// @inheritdoc IEvidenceLog
    function requireIncluded(Evidence calldata evidence, bool creating) external view returns (bytes32 id) {
        id = parties.requireStatement(evidence.statement, evidence.signature, creating);
        SiteId site = evidence.statement.site;
        Head memory head = headOf(site, evidence.headSize);
        if (creating) {
            require(head.witnessed, HeadNotWitnessed(site, head.size));
        } else {
            require(
                head.witnessed || block.timestamp >= head.anchoredAt + SETTLES_AFTER,
                HeadNotSettled(site, head.size, head.anchoredAt, block.timestamp)
            );
        }
        require(evidence.index != 0, IndexOutOfRange(evidence.index, head.size));
        bytes32 leaf = MerkleLog.leaf(abi.encodePacked(abi.encode(evidence.statement), evidence.signature));
        MerkleLog.requireIncluded(leaf, evidence.index, head.size, head.root, evidence.proof);
    }

    /// @inheritdoc IEvidenceLog
    function latestHead(SiteId site) external view returns (Head memory) {
        Log memory log = _logs[site];
        require(log.epoch != 0, LogNotOpen(site));
        return _ring[site][(log.heads - 1) % RING];
    }

    /// @inheritdoc IEvidenceLog
    function latestWitnessed(SiteId site) external view returns (Head memory) {
        return _witnessed[site];
    }

    /// @inheritdoc IEvidenceLog
    function headOf(SiteId site, uint64 size) public view returns (Head memory head) {
        (head,,) = _find(site, size);
    }

    /// @inheritdoc IEvidenceLog
    function genesisOf(SiteId site, uint64 epoch) public view returns (bytes32) {
        return MerkleLog.leaf(
            abi.encode(keccak256("Tallystick EvidenceLog genesis"), block.chainid, address(this), site, epoch)
        );
    }

    /// @dev Makes `(size, root)` the newest head; `log` is changed too.
    function _append(SiteId site, Log memory log, uint64 size, bytes32 root) private {
        Head memory head = Head(root, size, uint64(block.timestamp), false);
        if (log.settlingSince == 0 || block.timestamp >= log.settlingSince + SETTLES_AFTER) {
            if (log.settlingSince != 0) _settled[site] = _settling[site];
            _settling[site] = head;
            log.settlingSince = uint48(block.timestamp);
        }
        _ring[site][log.heads % RING] = head;
        log.heads += 1;
        log.size = size;
        _logs[site] = log;
    }

    /// @dev The provable head of that size, and where in the ring it is if it still is. Sizes in the ring only grow, so
    /// halving finds one in six steps.
    function _find(SiteId site, uint64 size) private view returns (Head memory head, bool inRing, uint256 position) {
        Log memory log = _logs[site];
        uint256 low = log.heads > RING ? log.heads - RING : 0;
        uint256 high = log.heads;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            position = middle % RING;
            uint64 found = _ring[site][position].size;
            if (found == size) return (_ring[site][position], true, position);
            if (found < size) low = middle + 1;
            else high = middle;
        }
        if (size != 0 && size == log.witnessedSize) return (_witnessed[site], false, 0);
        head = _settled[site].size == size ? _settled[site] : _settling[site];
        require(size != 0 && head.size == size, HeadUnknown(site, size));
        return (head, false, 0);
    }
}
