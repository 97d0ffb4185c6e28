/**
 * Which keys were seen, as 64-bit hashes in open addressing: 16 bytes a key at most, where a Set of strings takes above a
 * hundred. Two different keys of a million share a hash with a probability of 3e-8. Seedless: the same report always gives
 * the same answer.
 */
export class KeySet {
  #slots = new BigUint64Array(1024);
  #size = 0;

  /** False when the key was there already. */
  add(parts: readonly string[]): boolean {
    if ((this.#size + 1) * 2 > this.#slots.length) this.#grow();
    if (!place(this.#slots, hash(parts))) return false;
    this.#size++;
    return true;
  }

  #grow(): void {
    const larger = new BigUint64Array(this.#slots.length * 2);
    for (const value of this.#slots) if (value !== 0n) place(larger, value);
    this.#slots = larger;
  }
}

function place(slots: BigUint64Array, value: bigint): boolean {
  const mask = slots.length - 1;
  let at = Number(value & 0xffffffffn) & mask;
  for (;;) {
    const held = slots[at];
    if (held === value) return false;
    if (held === 0n) {
      slots[at] = value;
      return true;
    }
    at = (at + 1) & mask;
  }
}

const words = new Uint32Array(2);
const joined = new BigUint64Array(words.buffer);

/**
 * Two 32-bit lanes of multiply and rotate, each finished with MurmurHash3's fmix32 (public domain, Austin Appleby). Zero
 * marks a free slot and is never returned. 0xffffffff, which is no UTF-16 unit, stands between the parts of a key.
 */
function hash(parts: readonly string[]): bigint {
  let a = 0x9e3779b9;
  let b = 0x85ebca6b;
  for (const part of parts) {
    for (let i = 0; i < part.length; i++) {
      const unit = part.charCodeAt(i);
      a = Math.imul(a ^ unit, 0xcc9e2d51);
      a = (a << 13) | (a >>> 19);
      b = Math.imul(b ^ unit, 0x1b873593);
      b = (b << 17) | (b >>> 15);
    }
    a = Math.imul(a ^ 0xffffffff, 0xcc9e2d51);
    b = Math.imul(b ^ 0xffffffff, 0x1b873593);
  }
  words[0] = finish(a);
  words[1] = finish(b);
  const value = joined[0] as bigint;
  return value === 0n ? 1n : value;
}

function finish(lane: number): number {
  let h = lane ^ (lane >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
