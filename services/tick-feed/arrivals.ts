/**
 * Stamps what comes in with the nanosecond at which it came, each later than the one before it: a nanosecond later where the
 * clock did not move or was set back, for as long as it is behind. So the order of the stamps is the order of arrival. One
 * for a whole feed, over all its connections and tenures of the lease.
 */
export class Arrivals {
  #last = 0n;

  /** @param at nanoseconds since 1970, as the clock says. @returns the same, or a nanosecond after the last stamp */
  stamp(at: bigint): bigint {
    this.#last = at > this.#last ? at : this.#last + 1n;
    return this.#last;
  }
}
