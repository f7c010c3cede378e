// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// Names of sites, devices and parties: `[a-z0-9.-]{3,32}` in ASCII, padded with zeros on the right.
type SiteId is bytes32;
type DeviceId is bytes32;
type PartyId is bytes32;

/// Counters from 1; an id is never used again.
type RequestId is uint256;
type ReceiptId is uint256;
type OrderId is uint256;
type PledgeId is uint256;

using {sameSite as ==, otherSite as !=} for SiteId global;
using {sameParty as ==, otherParty as !=} for PartyId global;

function sameSite(SiteId a, SiteId b) pure returns (bool) {
    return SiteId.unwrap(a) == SiteId.unwrap(b);
}

function otherSite(SiteId a, SiteId b) pure returns (bool) {
    return SiteId.unwrap(a) != SiteId.unwrap(b);
}

function sameParty(PartyId a, PartyId b) pure returns (bool) {
    return PartyId.unwrap(a) == PartyId.unwrap(b);
}

function otherParty(PartyId a, PartyId b) pure returns (bool) {
    return PartyId.unwrap(a) != PartyId.unwrap(b);
}

PartyId constant NO_PARTY = PartyId.wrap(0);
SiteId constant NO_SITE = SiteId.wrap(0);

// What a party may be on the ledger; flags of one uint16.
uint16 constant DEPOSITOR = 1;
uint16 constant OPERATOR = 2;
uint16 constant LENDER = 4;
uint16 constant INSPECTOR = 8;
uint16 constant INSURER = 16;
uint16 constant ORACLE = 32;
uint16 constant ARBITER = 64;
uint16 constant EVERY_CAPACITY = 127;

// Kinds of statement that an act spends.
bytes32 constant MOVEMENT_IN = "movement.in";
bytes32 constant MOVEMENT_OUT = "movement.out";

/// @dev A device's signed record of what it saw; its EIP-712 hashStruct is its id. Fields as in the evidence format.
struct Statement {
    SiteId site;
    DeviceId device;
    uint32 keyEpoch;
    uint64 seq;
    bytes32 prev;
    uint64 seenAtMs;
    uint64 beaconBlock;
    bytes32 beaconHash;
    bytes32 kind;
    bytes32 subject;
    uint256 quantity;
    bytes32 body;
}

/// @dev A statement, its device's signature, and where it stands in the site's log.
struct Evidence {
    Statement statement;
    bytes signature;
    uint64 index;
    uint64 headSize;
    bytes32[] proof;
}

/// @dev Signatures of two different persons of one party over the same act, each over the act's fields, nonce and deadline.
struct TwoPersons {
    uint256 nonce;
    uint64 deadline;
    bytes first;
    bytes second;
}

/// @dev What a depositor asks to have receipted. `document` is the hash of the receipt's full text, `representations` of
/// the depositor's three signed representations (authority to deposit, authority to request, known claims).
struct IssueTerms {
    SiteId site;
    bytes32 bay;
    bytes32 commodity;
    bytes32 grade;
    uint256 massKg;
    bytes32[] fingerprints;
    bytes32 document;
    bytes32 representations;
}

/// @dev Leave for a stated mass of a receipt to pass a gate in stated hours (Unix seconds, both ends included), to be
/// received by `to`. `content` is what the signer saw of the receipt: {IReceiptRegistry-contentHashOf}.
struct ReleaseTerms {
    ReceiptId receipt;
    uint256 massKg;
    bytes32 gate;
    uint64 opensAt;
    uint64 closesAt;
    PartyId to;
    bytes32 content;
}

/// @dev A signed tree head of a site's log, as anchored.
struct Head {
    bytes32 root;
    uint64 size;
    uint64 anchoredAt;
    bool witnessed;
}

/// @dev Delivered is terminal.
enum ReceiptState {
    None,
    Issued,
    Delivered
}

/// @dev Cancelled and Answered are terminal.
enum RequestState {
    None,
    Open,
    Answered,
    Cancelled
}

/// @dev Computed from facts and time. Withdrawn, Expired and Closed are terminal.
enum PledgeStatus {
    None,
    Endorsed,
    Attorned,
    Registered,
    Effective,
    Released,
    Closed,
    Withdrawn,
    Expired
}
