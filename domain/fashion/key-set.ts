/** 2^32 / the golden ratio, and constants of MurmurHash3 (public domain, Austin Appleby). */
const seeds = [0x9e3779b9, 0x85ebca6b] as const;
const factors = [0xcc9e2d51, 0x1b873593] as const;

/**
 * Which keys were seen, as 64-bit hashes in open addressing: 10.7 bytes a key, where a Set of strings takes above a hundred.
 * Two different keys of a million share a hash with a probability of 3e-8. Seedless: the same report always gives the same
 * answer.
 *
 * It does not grow: what a growing table leaves behind outlives it until the next full garbage collection, which a transform
 * that makes hardly any garbage does not see. Memory that was never touched is not taken.
 */
export class KeySet {
  /** Two numbers a slot, the halves of a hash; zeros mark a free one. A quarter of the slots stays free. */
  readonly #slots: Int32Array;
  #left: number;

  /** For at most so many keys. */
  constructor(mostKeys: number) {
    this.#left = mostKeys;
    this.#slots = new Int32Array(2 * Math.ceil((mostKeys + 1) / 0.75));
  }

  /**
   * False when the key was there already. Its parts stand in `bytes`, part `i` from `starts[i]` to `ends[i]`.
   *
   * Two 32-bit lanes of multiply and rotate, each finished with MurmurHash3's fmix32. A number that is no byte stands between
   * the parts of a key.
   */
  add(bytes: Uint8Array, starts: ArrayLike<number>, ends: ArrayLike<number>): boolean {
    let a: number = seeds[0];
    let b: number = seeds[1];
    for (let part = 0; part < starts.length; part++) {
      const end = ends[part] as number;
      for (let i = starts[part] as number; i < end; i++) {
        const byte = bytes[i] as number;
        a = Math.imul(a ^ byte, factors[0]);
        a = (a << 13) | (a >>> 19);
        b = Math.imul(b ^ byte, factors[1]);
        b = (b << 17) | (b >>> 15);
      }
      a = Math.imul(a ^ 0xffffffff, factors[0]);
      b = Math.imul(b ^ 0xffffffff, factors[1]);
    }
    if (!place(this.#slots, finish(a), finish(b) || 1)) return false;
    // A full table would be searched for ever.
    if (this.#left-- === 0) throw new RangeError('more keys than this set is for');
    return true;
  }
}

/** `high` chooses the slot; `low` is not 0. */
function place(slots: Int32Array, high: number, low: number): boolean {
  const count = slots.length / 2;
  let at = 2 * Math.floor(((high >>> 0) / 0x1_0000_0000) * count);
  while (slots[at + 1] !== 0) {
    if (slots[at] === high && slots[at + 1] === low) return false;
    at += 2;
    if (at === slots.length) at = 0;
  }
  slots[at] = high;
  slots[at + 1] = low;
  return true;
}

/** As a signed number, which V8 passes on without making an object of it. */
function finish(lane: number): number {
  let h = lane ^ (lane >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
