// Verifies one statement in the reader's browser, by the steps of `tallystick verify` and under their names. What
// the page gives is recomputed here; what only the ledger can say is asked of the node that the reader named.
// Keccak and the curve are here because browsers have neither: the statement's id and signature need them.
const MOD = 2n ** 256n - 2n ** 32n - 977n;
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const BASE = [0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798n,
  0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8n];
const STATEMENT = "Statement(bytes32 site,bytes32 device,uint32 keyEpoch,uint64 seq,bytes32 prev,uint64 seenAtMs,"
  + "uint64 beaconBlock,bytes32 beaconHash,bytes32 kind,bytes32 subject,uint256 quantity,bytes32 body)";
const DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
const PATIENCE_MS = 10000;
const utf8 = (text) => new TextEncoder().encode(text);
const hex = (bytes) => `0x${Array.from(bytes, (each) => each.toString(16).padStart(2, "0")).join("")}`;
const big = (bytes) => BigInt(hex(bytes));
const same = (one, other) => one.toLowerCase() === other.toLowerCase();

function bytes(text) {
  if (!/^0x([0-9a-f]{2})*$/i.test(text)) throw new Error(text);
  return Uint8Array.from(text.slice(2).match(/../g) ?? [], (each) => parseInt(each, 16));
}

function joined(...parts) {
  const all = new Uint8Array(parts.reduce((sum, each) => sum + each.length, 0));
  parts.reduce((at, each) => (all.set(each, at), at + each.length), 0);
  return all;
}

const word = (number) => bytes(`0x${BigInt(number).toString(16).padStart(64, "0")}`);
const named = (text) => joined(utf8(text), new Uint8Array(32 - utf8(text).length));
const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));

const WIDE = (1n << 64n) - 1n;
const turned = (lane, by) => ((lane << BigInt(by % 64)) | (lane >> BigInt(64 - (by % 64)))) & WIDE;

function permute(lanes) {
  let r = 1;
  for (let round = 0; round < 24; round += 1) {
    const sums = [0, 1, 2, 3, 4].map((x) => [0, 5, 10, 15, 20].reduce((sum, y) => sum ^ lanes[x + y], 0n));
    for (let at = 0; at < 25; at += 1) lanes[at] ^= sums[(at + 4) % 5] ^ turned(sums[(at + 1) % 5], 1);
    let [x, y, moving] = [1, 0, lanes[1]];
    for (let t = 0; t < 24; t += 1) {
      [x, y] = [y, (2 * x + 3 * y) % 5];
      [moving, lanes[x + 5 * y]] = [lanes[x + 5 * y], turned(moving, ((t + 1) * (t + 2)) / 2)];
    }
    for (let row = 0; row < 25; row += 5) {
      const old = lanes.slice(row, row + 5);
      for (let at = 0; at < 5; at += 1) lanes[row + at] = old[at] ^ (~old[(at + 1) % 5] & WIDE & old[(at + 2) % 5]);
    }
    for (let bit = 0; bit < 7; bit += 1) {
      r = ((r << 1) ^ ((r >> 7) * 0x71)) % 256;
      if (r & 2) lanes[0] ^= 1n << ((1n << BigInt(bit)) - 1n);
    }
  }
}

export function keccak(data) {
  const padded = new Uint8Array((Math.floor(data.length / 136) + 1) * 136);
  padded.set(data);
  padded[data.length] ^= 1;
  padded[padded.length - 1] ^= 0x80;
  const view = new DataView(padded.buffer);
  const lanes = new Array(25).fill(0n);
  for (let block = 0; block < padded.length; block += 136) {
    for (let at = 0; at < 17; at += 1) lanes[at] ^= view.getBigUint64(block + at * 8, true);
    permute(lanes);
  }
  const out = new DataView(new ArrayBuffer(32));
  for (let at = 0; at < 4; at += 1) out.setBigUint64(at * 8, lanes[at], true);
  return new Uint8Array(out.buffer);
}

const mod = (value, by) => ((value % by) + by) % by;

function inverse(value, by) {
  let [a, b, x, y] = [mod(value, by), by, 1n, 0n];
  while (a > 1n) [a, b, x, y] = [b % a, a, y - (b / a) * x, x];
  return mod(x, by);
}

function power(base, exponent, by) {
  let [found, at] = [1n, base];
  for (let rest = exponent; rest > 0n; rest >>= 1n, at = (at * at) % by) if (rest & 1n) found = (found * at) % by;
  return found;
}

function plus(one, other) {
  if (!one || !other) return one ?? other;
  if (one[0] === other[0] && one[1] !== other[1]) return null;
  const slope = one[0] === other[0] ? 3n * one[0] * one[0] * inverse(2n * one[1], MOD)
    : (other[1] - one[1]) * inverse(other[0] - one[0], MOD);
  const x = mod(slope * slope - one[0] - other[0], MOD);
  return [x, mod(slope * (one[0] - x) - one[1], MOD)];
}

function times(point, factor) {
  let [found, at] = [null, point];
  for (let rest = factor; rest > 0n; rest >>= 1n, at = plus(at, at)) if (rest & 1n) found = plus(found, at);
  return found;
}

// The address whose key made the signature over the digest; null where no key can have made it.
export function signer(digest, signature) {
  const [r, s, v] = [big(signature.slice(0, 32)), big(signature.slice(32, 64)), signature[64]];
  if (r === 0n || r >= ORDER || s === 0n || s > ORDER / 2n || (v !== 27 && v !== 28)) return null;
  const squared = mod(power(r, 3n, MOD) + 7n, MOD);
  const root = power(squared, (MOD + 1n) / 4n, MOD);
  if (mod(root * root, MOD) !== squared) return null;
  const point = [r, (root & 1n) === BigInt(v - 27) ? root : MOD - root];
  const back = inverse(r, ORDER);
  const key = plus(times(point, mod(s * back, ORDER)), times(BASE, mod(-big(digest) * back, ORDER)));
  return key && hex(keccak(joined(word(key[0]), word(key[1]))).slice(12));
}

// RFC 9162 2.1.3.2: the root that the path leads to, null where it is too long or too short.
export async function rootOf(leaf, index, size, path) {
  let [found, at, last] = [leaf, index, size - 1n];
  if (at >= size) return null;
  for (const each of path) {
    if (last === 0n) return null;
    if ((at & 1n) === 1n || at === last) {
      found = await sha256(Uint8Array.of(1), each, found);
      while ((at & 1n) === 0n && at !== 0n) [at, last] = [at >> 1n, last >> 1n];
    } else {
      found = await sha256(Uint8Array.of(1), found, each);
    }
    [at, last] = [at >> 1n, last >> 1n];
  }
  return last === 0n ? found : null;
}

class NodeSilent extends Error {}

async function ask(node, method, ...params) {
  let answer;
  try {
    const sent = await fetch(node, {
      method: "POST", body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }), redirect: "error",
      headers: { "Content-Type": "application/json" }, credentials: "omit", referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    answer = await sent.json();
  } catch (error) {
    throw new NodeSilent(String(error?.message ?? error));
  }
  if (answer?.error || answer?.result === undefined) throw new NodeSilent(`${method}: ${answer?.error?.message ?? "?"}`);
  return answer.result;
}

function logs(told, topic, block) {
  const asked = { address: told.log, topics: [topic, hex(named(told.site))], fromBlock: block, toBlock: block };
  return ask(told.origin, "eth_getLogs", asked);
}

const at = (data, place) => BigInt(`0x${data.slice(2 + 64 * place, 66 + 64 * place)}`);
const hash = (data, place) => `0x${data.slice(2 + 64 * place, 66 + 64 * place)}`;
const height = (text) => `0x${BigInt(text).toString(16)}`;

// Each step gives [does it hold, what was computed or found, what it had to be].
const STEPS = {
  statements(told, seen) {
    const entry = bytes(told.entry);
    if (entry.length !== 449) return [false, `${entry.length}`, "449"];
    seen.header = entry.slice(0, 384);
    seen.signature = entry.slice(384);
    const field = (place) => seen.header.slice(32 * place, 32 * place + 32);
    seen.field = field;
    const says = [field(0), field(1), field(8), field(3), field(10)].map(hex).join(" ");
    const shown = [named(told.site), named(told.device), named(told.kind), word(told.seq), word(told.quantity)];
    return [says === shown.map(hex).join(" "), `${told.site} ${told.device} #${told.seq} ${told.kind} ${told.quantity}`, says];
  },
  identity(told, seen) {
    seen.id = keccak(joined(keccak(utf8(STATEMENT)), seen.header));
    return [same(hex(seen.id), told.id), hex(seen.id), told.id];
  },
  async bodies(told, seen) {
    const found = hex(await sha256(utf8(told.body)));
    return [same(found, hex(seen.field(11))), found, hex(seen.field(11))];
  },
  async media(told) {
    const listed = JSON.parse(told.body).media;
    for (const each of listed) {
      const url = `/media/${each.sha256.slice(2)}?statement=${told.id}`;
      const answer = await fetch(url, { credentials: "same-origin" });
      if (!answer.ok) return [false, `${answer.status}`, each.sha256];
      const found = hex(await sha256(new Uint8Array(await answer.arrayBuffer())));
      if (!same(found, each.sha256)) return [false, found, each.sha256];
    }
    return [true, listed.map((each) => each.sha256).join(" ") || "0", ""];
  },
  signatures(told, seen) {
    const domain = keccak(joined(keccak(utf8(DOMAIN)), keccak(utf8("Tallystick Evidence")), keccak(utf8("1")),
      word(told.chain), word(told.registry)));
    seen.signer = signer(keccak(joined(bytes("0x1901"), domain, seen.id)), seen.signature);
    return [seen.signer !== null, seen.signer ?? "", hex(seen.signature)];
  },
  async inclusion(told, seen) {
    if (!told.root) return null;
    const leaf = await sha256(Uint8Array.of(0), bytes(told.entry));
    const path = told.path.split(" ").filter(Boolean).map(bytes);
    const found = await rootOf(leaf, BigInt(told.index), BigInt(told.size), path);
    seen.root = found && hex(found);
    return [seen.root !== null && same(seen.root, told.root), seen.root ?? "", told.root];
  },
  async chain(told) {
    const found = BigInt(await ask(told.origin, "eth_chainId"));
    return [found === BigInt(told.chain), `${found}`, told.chain];
  },
  async devices(told, seen) {
    const data = told.keyOf + hex(joined(named(told.device), seen.field(2))).slice(2);
    const found = `0x${(await ask(told.origin, "eth_call", { to: told.registry, data }, "latest")).slice(-40)}`;
    return [same(found, seen.signer), seen.signer, found];
  },
  async anchors(told, seen) {
    if (!told.root) return null;
    const found = await logs(told, told.anchored, height(told.anchoredAt));
    const ours = found.find(({ data }) => at(data, 0) === BigInt(told.epoch) && at(data, 1) === BigInt(told.size));
    const anchored = ours ? hash(ours.data, 2) : "";
    return [same(anchored, seen.root), seen.root, anchored];
  },
  async witness(told, seen) {
    if (!told.witnessedAt) return null;
    const found = await logs(told, told.witnessed, height(told.witnessedAt));
    const ours = found.find(({ data }) => at(data, 0) === BigInt(told.size));
    const witnessed = ours ? hash(ours.data, 1) : "";
    return [same(witnessed, seen.root), seen.root, witnessed];
  },
  async beacons(told, seen) {
    const block = await ask(told.origin, "eth_getBlockByNumber", height(hex(seen.field(6))), false);
    return [same(block?.hash ?? "", hex(seen.field(7))), hex(seen.field(7)), block?.hash ?? ""];
  },
};
const NEEDS = {
  identity: ["statements"], bodies: ["statements"], media: ["bodies"], signatures: ["identity"], inclusion: ["statements"],
  devices: ["chain", "signatures"], anchors: ["chain", "inclusion"], witness: ["chain", "inclusion"], beacons: ["chain", "statements"],
};

function write(step, outcome, words, lines = []) {
  step.dataset.outcome = outcome;
  step.querySelector(".outcome").textContent = words[outcome];
  step.querySelector(".values").textContent = lines.filter(Boolean).join("\n");
}

export async function verify(list) {
  const [told, seen, outcomes] = [{ ...list.dataset }, {}, {}];
  for (const step of list.querySelectorAll("[data-step]")) {
    const name = step.dataset.step;
    const asksNode = "ledger" in step.dataset;
    if (asksNode && !told.origin) {
      outcomes[name] = "unasked";
    } else if ((NEEDS[name] ?? []).some((each) => outcomes[each] !== "holds")) {
      outcomes[name] = "unreached";
    } else {
      write(step, "running", told);
      try {
        const found = await STEPS[name](told, seen);
        outcomes[name] = found === null ? "absent" : found[0] ? "holds" : "fails";
        const [, was, wanted] = found ?? [];
        const lines = outcomes[name] === "fails" ? [`${told.computed}: ${was}`, `${told.wanted}: ${wanted}`] : [was];
        write(step, outcomes[name], told, lines);
        continue;
      } catch (error) {
        outcomes[name] = error instanceof NodeSilent ? "silent" : "fails";
        write(step, outcomes[name], told, [String(error?.message ?? error).slice(0, 300)]);
        continue;
      }
    }
    write(step, outcomes[name], told);
  }
  const every = Object.values(outcomes);
  const verdict = every.includes("fails") ? "fails" : every.every((each) => each === "holds") ? "holds" : "open";
  const said = document.getElementById("verdict");
  said.dataset.verdict = verdict;
  said.className = `notice ${{ fails: "bad", holds: "good", open: "warn" }[verdict]}`;
  said.textContent = said.dataset[`says${verdict[0].toUpperCase()}${verdict.slice(1)}`];
}

const list = document.getElementById("verify");
if (list) verify(list);
