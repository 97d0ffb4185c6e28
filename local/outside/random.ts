/** Random numbers that are the same for the same seed, for the worlds that we make up. Not for secrets. */
import { createHash } from 'node:crypto';

const rotateLeft = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));

/** xoshiro128** of D. Blackman and S. Vigna (https://prng.di.unimi.it): 32 bits a call, period 2^128 - 1. */
export function xoshiro128(state: readonly [number, number, number, number]): () => number {
  let [a, b, c, d] = state;
  return () => {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotateLeft(d, 11);
    return result;
  };
}

export interface Random {
  /** From 0 to less than 1. */
  fraction(): number;
  /** A whole number from `least` to `most`, both included. */
  integer(least: number, most: number): number;
  /** True so often of 1. */
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
}

/** One stream of random numbers; another label is another stream, independent of the first. */
export function randomOf(seed: number | string, label = ''): Random {
  const digest = createHash('sha256')
    .update(JSON.stringify([seed, label]))
    .digest();
  const word = (index: number): number => digest.readInt32LE(4 * index);
  const next = xoshiro128([word(0), word(1), word(2), word(3)]);
  const fraction = (): number => next() / 2 ** 32;
  const integer = (least: number, most: number): number =>
    least + Math.floor(fraction() * (most - least + 1));
  return {
    fraction,
    integer,
    chance: (probability) => fraction() < probability,
    pick: (from) => from[integer(0, from.length - 1)] as (typeof from)[number],
  };
}
