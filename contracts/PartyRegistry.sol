// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IPartyRegistry} from "./interfaces/IPartyRegistry.sol";
import {PartyRecords} from "./PartyRecords.sol";
import {DeadlinePassed, Signatures} from "./Signatures.sol";
import {EVERY_CAPACITY, NO_PARTY, NO_SITE, OPERATOR, DeviceId, PartyId, SiteId} from "./types.sol";

/// @title PartyRegistry
/// @notice The acts of governance and of device keys; what they leave behind is in {PartyRecords}.
contract PartyRegistry is PartyRecords, AccessManaged, EIP712 {
    uint256 private constant PAUSE_AT_MOST = 72 hours;
    bytes32 private constant ROTATION =
        keccak256("DeviceKeyRotation(bytes32 device,uint32 epoch,address newKey,uint64 deadline)");

    constructor(address governance) AccessManaged(governance) EIP712("Tallystick", "1") {}

    /// @inheritdoc IPartyRegistry
    function enrolParty(PartyId party, address account, uint16 capacities, bytes32 identity) external restricted {
        require(party != NO_PARTY, IdMissing());
        require(_parties[party].account == address(0), PartyTaken(party));
        require(capacities != 0 && capacities & ~EVERY_CAPACITY == 0, CapacitiesUnknown(capacities));
        _take(account);
        _parties[party] = Party(account, capacities, false);
        _partyOf[account] = party;
        emit PartyEnrolled(party, account, capacities, identity);
    }

    /// @inheritdoc IPartyRegistry
    function enrolPerson(PartyId party, address person) external restricted {
        _requireParty(party);
        _take(person);
        _personOf[person] = party;
        emit PersonEnrolled(party, person);
    }

    /// @inheritdoc IPartyRegistry
    function dismissPerson(address person) external restricted {
        PartyId party = _personOf[person];
        require(party != NO_PARTY, NotAPerson(person));
        _personOf[person] = NO_PARTY;
        emit PersonDismissed(party, person);
    }

    /// @inheritdoc IPartyRegistry
    function enrolSite(
        SiteId site,
        PartyId operator,
        address bridge,
        bytes32 licence,
        uint64 licensedUntil,
        uint64 maxAgeBlocks
    ) external restricted {
        require(site != NO_SITE, IdMissing());
        require(_sites[site].bridge == address(0), SiteTaken(site));
        _requireCapacity(operator, OPERATOR);
        _requireAhead(licensedUntil);
        require(maxAgeBlocks != 0, MaxAgeMissing());
        _take(bridge);
        _sites[site] = Site(bridge, licensedUntil, false, operator, maxAgeBlocks);
        emit SiteEnrolled(site, operator, bridge, licence, licensedUntil, maxAgeBlocks);
    }

    /// @inheritdoc IPartyRegistry
    function renewLicence(SiteId site, bytes32 licence, uint64 licensedUntil) external restricted {
        _requireSite(site);
        _requireAhead(licensedUntil);
        _sites[site].licensedUntil = licensedUntil;
        emit LicenceRenewed(site, licence, licensedUntil);
    }

    /// @inheritdoc IPartyRegistry
    function enrolDevice(
        DeviceId device,
        SiteId site,
        PartyId host,
        PartyId commissioner,
        address key,
        uint64 calibratedUntil
    ) external restricted {
        require(DeviceId.unwrap(device) != 0, IdMissing());
        require(_devices[device].epoch == 0, DeviceTaken(device));
        _requireSite(site);
        _requireParty(host);
        _requireParty(commissioner);
        _requireAhead(calibratedUntil);
        _take(key);
        _devices[device] = Device(site, calibratedUntil, 1, false);
        _keys[device][1].key = key;
        emit DeviceEnrolled(device, site, host, commissioner, key, 1, calibratedUntil);
    }

    /// @inheritdoc IPartyRegistry
    function calibrateDevice(DeviceId device, uint64 calibratedUntil) external restricted {
        _requireDevice(device);
        _requireAhead(calibratedUntil);
        _devices[device].calibratedUntil = calibratedUntil;
        emit DeviceCalibrated(device, calibratedUntil);
    }

    /// @inheritdoc IPartyRegistry
    function rekeyDevice(DeviceId device, address newKey) external restricted {
        _requireDevice(device);
        _nextKey(device, newKey);
    }

    /// @inheritdoc IPartyRegistry
    function rotateDeviceKey(DeviceId device, address newKey, uint64 deadline, bytes calldata signatureOfOldKey)
        external
    {
        _requireDevice(device);
        require(block.timestamp <= deadline, DeadlinePassed(deadline, block.timestamp));
        uint32 epoch = _devices[device].epoch;
        Key storage old = _keys[device][epoch];
        require(old.revokedAt == 0, KeyAlreadyRevoked(device, epoch));
        bytes32 act = keccak256(abi.encode(ROTATION, device, epoch + 1, newKey, deadline));
        address signer = Signatures.signerOf(_hashTypedDataV4(act), signatureOfOldKey);
        require(signer == old.key, SignerIsNot(old.key, signer));
        _nextKey(device, newKey);
    }

    /// @inheritdoc IPartyRegistry
    function revokeDeviceKey(DeviceId device, uint32 epoch) external restricted {
        Key storage key = _keys[device][epoch];
        require(key.key != address(0), KeyUnknown(device, epoch));
        require(key.revokedAt == 0, KeyAlreadyRevoked(device, epoch));
        key.revokedAt = SafeCast.toUint48(block.number);
        emit DeviceKeyRevoked(device, epoch);
    }

    /// @inheritdoc IPartyRegistry
    function suspendParty(PartyId party, bool suspended) external restricted {
        _requireParty(party);
        _parties[party].suspended = suspended;
        emit PartySuspended(party, suspended);
    }

    /// @inheritdoc IPartyRegistry
    function suspendSite(SiteId site, bool suspended) external restricted {
        _requireSite(site);
        _sites[site].suspended = suspended;
        emit SiteSuspended(site, suspended);
    }

    /// @inheritdoc IPartyRegistry
    function suspendDevice(DeviceId device, bool suspended) external restricted {
        _requireDevice(device);
        _devices[device].suspended = suspended;
        emit DeviceSuspended(device, suspended);
    }

    /// @inheritdoc IPartyRegistry
    function pauseCreating(uint64 until) external restricted {
        _requireAhead(until);
        uint256 latest = block.timestamp + PAUSE_AT_MOST;
        require(until <= latest, PauseTooLong(until, latest));
        uint256 notBefore = creatingPausedUntil == 0 ? 0 : creatingPausedUntil + PAUSE_AT_MOST;
        require(block.timestamp >= notBefore, PauseTooSoon(notBefore));
        creatingPausedUntil = until;
        emit CreatingPaused(until);
    }

    /// @dev Gives a device its next key and retires the one it had.
    function _nextKey(DeviceId device, address newKey) private {
        _take(newKey);
        uint32 epoch = _devices[device].epoch;
        _keys[device][epoch].retiredAt = SafeCast.toUint48(block.number);
        _devices[device].epoch = epoch + 1;
        _keys[device][epoch + 1].key = newKey;
        emit DeviceKeyRotated(device, epoch + 1, newKey);
    }

    /// @dev An address has one role for ever: two devices with one key, or a person who is also the bridge, are not two.
    function _take(address account) private {
        require(account != address(0), AddressMissing());
        require(!_taken[account], AddressTaken(account));
        _taken[account] = true;
    }

    function _requireAhead(uint64 until) private view {
        require(until > block.timestamp, AlreadyPast(until, block.timestamp));
    }
}
