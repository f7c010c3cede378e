// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {DeviceId, PartyId, SiteId, Statement} from "../types.sol";

/// @title Who is who: parties, persons, sites and devices, and whether they stand
/// @notice Standing gates acts that create rights, never acts that discharge them. No address has two roles.
/// Governance acts ask the AccessManager first (AccessManagedUnauthorized); a suspension or pause is the guardian's.
interface IPartyRegistry {
    /// @notice `identity` is a salted commitment.
    event PartyEnrolled(PartyId indexed party, address account, uint16 capacities, bytes32 identity);
    event PersonEnrolled(PartyId indexed party, address person);
    /// @notice What the person signed before can no longer be taken.
    event PersonDismissed(PartyId indexed party, address person);
    event SiteEnrolled(
        SiteId indexed site,
        PartyId indexed operator,
        address bridge,
        bytes32 licence,
        uint64 licensedUntil,
        uint64 maxAgeBlocks
    );
    event LicenceRenewed(SiteId indexed site, bytes32 licence, uint64 licensedUntil);
    /// @notice `host` holds the device, `commissioner` ordered it: who is independent of whom follows from both.
    event DeviceEnrolled(
        DeviceId indexed device,
        SiteId indexed site,
        PartyId host,
        PartyId commissioner,
        address key,
        uint32 epoch,
        uint64 calibratedUntil
    );
    event DeviceCalibrated(DeviceId indexed device, uint64 calibratedUntil);
    /// @notice The key before ends in this block, by rotation or because it was lost.
    event DeviceKeyRotated(DeviceId indexed device, uint32 epoch, address key);
    /// @notice No statement whose beacon is this block or a later one counts.
    event DeviceKeyRevoked(DeviceId indexed device, uint32 epoch);
    event PartySuspended(PartyId indexed party, bool suspended);
    event SiteSuspended(SiteId indexed site, bool suspended);
    event DeviceSuspended(DeviceId indexed device, bool suspended);
    /// @notice Acts that discharge go on.
    event CreatingPaused(uint64 until);

    error IdMissing();
    error AddressMissing();
    error AddressTaken(address taken);
    error PartyTaken(PartyId party);
    error SiteTaken(SiteId site);
    error DeviceTaken(DeviceId device);
    error PartyUnknown(PartyId party);
    error SiteUnknown(SiteId site);
    error DeviceUnknown(DeviceId device);
    error KeyUnknown(DeviceId device, uint32 epoch);
    error NotAPerson(address stranger);
    error NotAParty(address stranger);
    error CapacitiesUnknown(uint16 capacities);
    error CapacityMissing(PartyId party, uint16 wanted, uint16 has);
    error PartyIsSuspended(PartyId party);
    error SiteIsSuspended(SiteId site);
    error DeviceIsSuspended(DeviceId device);
    error AlreadyPast(uint64 until, uint256 now_);
    error LicenceExpired(SiteId site, uint64 licensedUntil, uint256 now_);
    error CalibrationExpired(DeviceId device, uint64 calibratedUntil, uint256 now_);
    error MaxAgeMissing();
    error PauseTooLong(uint64 until, uint256 latest);
    error PauseTooSoon(uint256 notBefore);
    error CreatingIsPaused(uint64 until);
    error KeyAlreadyRevoked(DeviceId device, uint32 epoch);
    error KeyRevoked(DeviceId device, uint32 epoch, uint64 revokedAtBlock, uint64 beaconBlock);
    error KeyRetired(DeviceId device, uint32 epoch, uint64 retiredAtBlock, uint64 beaconBlock);
    error DeviceNotOfSite(DeviceId device, SiteId enrolledAt, SiteId stated);
    error BeaconAhead(uint64 beaconBlock, uint256 blockNumber);
    error StatementTooOld(uint64 beaconBlock, uint256 blockNumber, uint64 maxAgeBlocks);
    error SignerIsNot(address expected, address signer);

    /// @notice Enrols an organisation that may act on the ledger through `account`.
    /// @dev Requirements, in the order checked:
    /// - `party` is not zero, else {IdMissing}; and new, else {PartyTaken};
    /// - `capacities` names at least one capacity and none that does not exist, else {CapacitiesUnknown};
    /// - `account` is not zero, else {AddressMissing}; and has no role yet, else {AddressTaken}.
    /// @param identity salted commitment to who the party is; the ledger knows no names.
    function enrolParty(PartyId party, address account, uint16 capacities, bytes32 identity) external;

    /// @notice Enrols a natural person who may sign acts of `party` that need two.
    /// @dev Requirements: the party is enrolled, else {PartyUnknown}; `person` is not zero, else {AddressMissing}; and
    /// has no role yet, else {AddressTaken}.
    function enrolPerson(PartyId party, address person) external;

    /// @notice Ends a person's right to sign; the address can never be enrolled again.
    /// @dev Requirements: `person` is enrolled, else {NotAPerson}.
    function dismissPerson(address person) external;

    /// @notice Enrols a warehouse whose log `bridge` keeps.
    /// @dev Requirements, in the order checked:
    /// - `site` is not zero, else {IdMissing}; and new, else {SiteTaken};
    /// - the operator is enrolled, else {PartyUnknown}; as an operator, else {CapacityMissing};
    /// - `licensedUntil` lies ahead, else {AlreadyPast}; `maxAgeBlocks` is not zero, else {MaxAgeMissing};
    /// - `bridge` is not zero, else {AddressMissing}; and has no role yet, else {AddressTaken}.
    /// @param licence hash of the licence document.
    /// @param maxAgeBlocks how many blocks after its beacon a statement can still create a right.
    function enrolSite(
        SiteId site,
        PartyId operator,
        address bridge,
        bytes32 licence,
        uint64 licensedUntil,
        uint64 maxAgeBlocks
    ) external;

    /// @notice Records a new licence of a site.
    /// @dev Requirements: the site is enrolled, else {SiteUnknown}; `licensedUntil` lies ahead, else {AlreadyPast}.
    function renewLicence(SiteId site, bytes32 licence, uint64 licensedUntil) external;

    /// @notice Enrols a device with its first key, epoch 1.
    /// @dev Requirements, in the order checked:
    /// - `device` is not zero, else {IdMissing}; and new, else {DeviceTaken};
    /// - the site is enrolled, else {SiteUnknown}; host and commissioner are, else {PartyUnknown};
    /// - `calibratedUntil` lies ahead, else {AlreadyPast};
    /// - `key` is not zero, else {AddressMissing}; and has no role yet, else {AddressTaken}.
    /// @param host who holds the device. @param commissioner who ordered it put there and trusts it.
    function enrolDevice(
        DeviceId device,
        SiteId site,
        PartyId host,
        PartyId commissioner,
        address key,
        uint64 calibratedUntil
    ) external;

    /// @notice Records a new calibration of a device.
    /// @dev Requirements: the device is enrolled, else {DeviceUnknown}; `calibratedUntil` lies ahead, else {AlreadyPast}.
    function calibrateDevice(DeviceId device, uint64 calibratedUntil) external;

    /// @notice Gives a device whose key was lost or revoked a new key in the next epoch; the old one is retired.
    /// @dev Requirements: the device is enrolled, else {DeviceUnknown}; `newKey` is not zero, else {AddressMissing}; and
    /// has no role yet, else {AddressTaken}.
    function rekeyDevice(DeviceId device, address newKey) external;

    /// @notice Moves a device to a new key in the next epoch; anyone may bring what the old key has signed.
    /// @dev Requirements, in the order checked:
    /// - the device is enrolled, else {DeviceUnknown}; the deadline is not past, else {DeadlinePassed};
    /// - the current key is not revoked, else {KeyAlreadyRevoked}: who stole a key cannot move the device;
    /// - the old key signed `DeviceKeyRotation(bytes32 device,uint32 epoch,address newKey,uint64 deadline)` with the new
    ///   epoch, else {SignatureLengthIs}, {SignatureNotLow}, {SignatureInvalid} or {SignerIsNot};
    /// - `newKey` is not zero, else {AddressMissing}; and has no role yet, else {AddressTaken}.
    function rotateDeviceKey(DeviceId device, address newKey, uint64 deadline, bytes calldata signatureOfOldKey)
        external;

    /// @notice Revokes a key from this block on: no statement with this block or a later one as beacon counts.
    /// @dev Requirements: the key exists, else {KeyUnknown}; is not revoked yet, else {KeyAlreadyRevoked}.
    function revokeDeviceKey(DeviceId device, uint32 epoch) external;

    /// @notice Takes a party's standing, or gives it back.
    /// @dev Requirements: the party is enrolled, else {PartyUnknown}.
    function suspendParty(PartyId party, bool suspended) external;

    /// @notice Takes a site's standing, or gives it back.
    /// @dev Requirements: the site is enrolled, else {SiteUnknown}.
    function suspendSite(SiteId site, bool suspended) external;

    /// @notice Takes a device's standing, or gives it back.
    /// @dev Requirements: the device is enrolled, else {DeviceUnknown}.
    function suspendDevice(DeviceId device, bool suspended) external;

    /// @notice Stops every act that creates a right until `until`; acts that discharge one go on.
    /// @dev Requirements: `until` lies ahead, else {AlreadyPast}; by at most 72 hours, else {PauseTooLong}; and the last
    /// pause ended at least 72 hours ago, else {PauseTooSoon}: a pause cannot be made endless.
    function pauseCreating(uint64 until) external;

    /// @notice The party that acts through `account`; zero if none.
    function partyOf(address account) external view returns (PartyId);

    /// @notice The party that `person` signs for; zero if none.
    function personOf(address person) external view returns (PartyId);

    function accountOf(PartyId party) external view returns (address);
    function capacitiesOf(PartyId party) external view returns (uint16);
    function hasCapacity(PartyId party, uint16 capacity) external view returns (bool);
    function keyOf(DeviceId device, uint32 epoch) external view returns (address);
    function epochOf(DeviceId device) external view returns (uint32);
    function siteOf(DeviceId device) external view returns (SiteId);
    function operatorOf(SiteId site) external view returns (PartyId);
    function bridgeOf(SiteId site) external view returns (address);
    function creatingPausedUntil() external view returns (uint64);

    /// @notice The statement's id: its EIP-712 hashStruct.
    function hashStatement(Statement calldata statement) external pure returns (bytes32);

    /// @notice What the device signs: the statement's digest in the evidence domain.
    function statementDigest(Statement calldata statement) external view returns (bytes32);

    /// @notice The party of an account that has this capacity, whatever its standing: for acts that discharge.
    /// @dev Requirements: the account is a party's, else {NotAParty}; with the capacity, else {CapacityMissing}.
    /// @param capacity one flag, or zero for any party.
    function requireEnrolled(address account, uint16 capacity) external view returns (PartyId);

    /// @notice The party of an account that may create rights in this capacity now.
    /// @dev Requirements: creating is not paused, else {CreatingIsPaused}; as {requireEnrolled}; the party is not
    /// suspended, else {PartyIsSuspended}.
    function requireMayCreate(address account, uint16 capacity) external view returns (PartyId);

    /// @notice Refuses unless the party has the capacity and is not suspended.
    /// @dev Requirements: enrolled, else {PartyUnknown}; {CapacityMissing}; {PartyIsSuspended}.
    function requirePartyStanding(PartyId party, uint16 capacity) external view;

    /// @notice Refuses unless the site is enrolled, licensed and not suspended.
    /// @dev Requirements: {SiteUnknown}; {SiteIsSuspended}; {LicenceExpired}.
    function requireSiteStanding(SiteId site) external view;

    /// @notice Refuses a statement that its device did not sign, or whose device does not count.
    /// @dev Requirements, in the order checked:
    /// - the device is enrolled, else {DeviceUnknown}; at the stated site, else {DeviceNotOfSite};
    /// - it had a key in that epoch, else {KeyUnknown}, not revoked at the beacon, else {KeyRevoked};
    /// - if `creating`: not retired before the beacon, else {KeyRetired}; the beacon is not ahead, else {BeaconAhead}; nor too
    ///   far back, else {StatementTooOld}; the device is not suspended, else {DeviceIsSuspended}, and calibrated, else
    ///   {CalibrationExpired}; its site stands, as {requireSiteStanding};
    /// - the key signed it, else {SignatureLengthIs}, {SignatureNotLow}, {SignatureInvalid} or {SignerIsNot}.
    /// @return id the statement's id.
    function requireStatement(Statement calldata statement, bytes calldata signature, bool creating)
        external
        view
        returns (bytes32 id);
}
