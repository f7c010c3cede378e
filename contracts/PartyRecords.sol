// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IPartyRegistry} from "./interfaces/IPartyRegistry.sol";
import {Signatures} from "./Signatures.sol";
import {NO_PARTY, DeviceId, PartyId, SiteId, Statement} from "./types.sol";

/// @title What the party registry remembers, and every question about it
abstract contract PartyRecords is IPartyRegistry {
    bytes32 private constant EVIDENCE_DOMAIN =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant STATEMENT = keccak256(
        "Statement(bytes32 site,bytes32 device,uint32 keyEpoch,uint64 seq,bytes32 prev,uint64 seenAtMs,uint64 beaconBlock,bytes32 beaconHash,bytes32 kind,bytes32 subject,uint256 quantity,bytes32 body)"
    );

    struct Party {
        address account;
        uint16 capacities;
        bool suspended;
    }

    struct Site {
        address bridge;
        uint64 licensedUntil;
        bool suspended;
        PartyId operator;
        uint64 maxAgeBlocks;
    }

    struct Device {
        SiteId site;
        uint64 calibratedUntil;
        uint32 epoch;
        bool suspended;
    }

    /// @dev Blocks from which the key no longer counts; zero while it does.
    struct Key {
        address key;
        uint48 retiredAt;
        uint48 revokedAt;
    }

    mapping(PartyId party => Party) internal _parties;
    mapping(SiteId site => Site) internal _sites;
    mapping(DeviceId device => Device) internal _devices;
    mapping(DeviceId device => mapping(uint32 epoch => Key)) internal _keys;
    mapping(address account => PartyId) internal _partyOf;
    mapping(address person => PartyId) internal _personOf;
    mapping(address account => bool) internal _taken;
    /// @inheritdoc IPartyRegistry
    uint64 public creatingPausedUntil;


    /// @inheritdoc IPartyRegistry
    function requireEnrolled(address account, uint16 capacity) public view returns (PartyId party) {
        party = _partyOf[account];
        require(party != NO_PARTY, NotAParty(account));
        _requireCapacity(party, capacity);
    }

    /// @inheritdoc IPartyRegistry
    function requireMayCreate(address account, uint16 capacity) external view returns (PartyId party) {
        uint64 until = creatingPausedUntil;
        require(block.timestamp >= until, CreatingIsPaused(until));
        party = requireEnrolled(account, capacity);
        require(!_parties[party].suspended, PartyIsSuspended(party));
    }

    /// @inheritdoc IPartyRegistry
    function requirePartyStanding(PartyId party, uint16 capacity) external view {
        _requireCapacity(party, capacity);
        require(!_parties[party].suspended, PartyIsSuspended(party));
    }

    /// @inheritdoc IPartyRegistry
    function requireSiteStanding(SiteId site) public view {
        _requireSite(site);
        require(!_sites[site].suspended, SiteIsSuspended(site));
        uint64 until = _sites[site].licensedUntil;
        require(block.timestamp <= until, LicenceExpired(site, until, block.timestamp));
    }

    /// @inheritdoc IPartyRegistry
    function requireStatement(Statement calldata statement, bytes calldata signature, bool creating)
        external
        view
        returns (bytes32 id)
    {
        DeviceId device = statement.device;
        _requireDevice(device);
        SiteId site = _devices[device].site;
        require(site == statement.site, DeviceNotOfSite(device, site, statement.site));
        Key memory key = _keys[device][statement.keyEpoch];
        require(key.key != address(0), KeyUnknown(device, statement.keyEpoch));
        require(
            key.revokedAt == 0 || statement.beaconBlock < key.revokedAt,
            KeyRevoked(device, statement.keyEpoch, key.revokedAt, statement.beaconBlock)
        );
        if (creating) _requireFresh(statement, key.retiredAt);
        id = hashStatement(statement);
        address signer = Signatures.signerOf(_evidenceDigest(id), signature);
        require(signer == key.key, SignerIsNot(key.key, signer));
    }

    /// @inheritdoc IPartyRegistry
    function hashStatement(Statement calldata statement) public pure returns (bytes32) {
        return keccak256(abi.encode(STATEMENT, statement));
    }

    /// @inheritdoc IPartyRegistry
    function statementDigest(Statement calldata statement) external view returns (bytes32) {
        return _evidenceDigest(hashStatement(statement));
    }

    /// @inheritdoc IPartyRegistry
    function partyOf(address account) external view returns (PartyId) {
        return _partyOf[account];
    }

    /// @inheritdoc IPartyRegistry
    function personOf(address person) external view returns (PartyId) {
        return _personOf[person];
    }

    /// @inheritdoc IPartyRegistry
    function accountOf(PartyId party) external view returns (address) {
        return _parties[party].account;
    }

    /// @inheritdoc IPartyRegistry
    function capacitiesOf(PartyId party) external view returns (uint16) {
        return _parties[party].capacities;
    }

    /// @inheritdoc IPartyRegistry
    function hasCapacity(PartyId party, uint16 capacity) external view returns (bool) {
        return _parties[party].capacities & capacity != 0;
    }

    /// @inheritdoc IPartyRegistry
    function keyOf(DeviceId device, uint32 epoch) external view returns (address) {
        return _keys[device][epoch].key;
    }

    /// @inheritdoc IPartyRegistry
    function epochOf(DeviceId device) external view returns (uint32) {
        return _devices[device].epoch;
    }

    /// @inheritdoc IPartyRegistry
    function siteOf(DeviceId device) external view returns (SiteId) {
        return _devices[device].site;
    }

    /// @inheritdoc IPartyRegistry
    function operatorOf(SiteId site) external view returns (PartyId) {
        return _sites[site].operator;
    }

    /// @inheritdoc IPartyRegistry
    function bridgeOf(SiteId site) external view returns (address) {
        return _sites[site].bridge;
    }

    function _requireParty(PartyId party) internal view {
        require(_parties[party].account != address(0), PartyUnknown(party));
    }

    function _requireSite(SiteId site) internal view {
        require(_sites[site].bridge != address(0), SiteUnknown(site));
    }

    function _requireDevice(DeviceId device) internal view {
        require(_devices[device].epoch != 0, DeviceUnknown(device));
    }

    function _requireCapacity(PartyId party, uint16 capacity) internal view {
        _requireParty(party);
        uint16 has = _parties[party].capacities;
        require(capacity == 0 || has & capacity != 0, CapacityMissing(party, capacity, has));
    }

    /// @dev Age is counted from the beacon: backdating a statement only makes it staler.
    function _requireFresh(Statement calldata statement, uint48 retiredAt) private view {
        DeviceId device = statement.device;
        uint64 beacon = statement.beaconBlock;
        require(retiredAt == 0 || beacon <= retiredAt, KeyRetired(device, statement.keyEpoch, retiredAt, beacon));
        require(beacon <= block.number, BeaconAhead(beacon, block.number));
        uint64 maxAge = _sites[statement.site].maxAgeBlocks;
        require(block.number - beacon <= maxAge, StatementTooOld(beacon, block.number, maxAge));
        require(!_devices[device].suspended, DeviceIsSuspended(device));
        uint64 until = _devices[device].calibratedUntil;
        require(block.timestamp <= until, CalibrationExpired(device, until, block.timestamp));
        requireSiteStanding(statement.site);
    }

    /// @dev The evidence domain is apart from the one of acts, so that no statement is ever taken for an act.
    function _evidenceDigest(bytes32 id) private view returns (bytes32) {
        bytes32 separator = keccak256(
            abi.encode(
                EVIDENCE_DOMAIN, keccak256("Tallystick Evidence"), keccak256("1"), block.chainid, address(this)
            )
        );
        return MessageHashUtils.toTypedDataHash(separator, id);
    }
}
