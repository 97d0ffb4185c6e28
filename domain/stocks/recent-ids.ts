/** Ids of this many ticks of a symbol are remembered: a duplicate that comes later is caught by the load, in SQL. */
export const recentIdWindow = 512;

/** The last ids of a symbol: a set to ask and a ring that knows the oldest. */
export interface RecentIds {
  /** False for an id of the window, which then stays where it is. Otherwise it is added and the oldest goes. */
  add(id: string): boolean;
  /** The oldest first. */
  list(): string[];
}

/** @param ids the oldest first, without repetition, as {@link RecentIds.list} returned them */
export function recentIds(ids: readonly string[]): RecentIds {
  const ring = ids.slice(-recentIdWindow);
  const known = new Set(ring);
  /** Where the oldest is, once the ring is full. */
  let oldest = 0;
  return {
    add(id) {
      // One look-up: the size tells whether it was new.
      const size = known.size;
      if (known.add(id).size === size) return false;
      if (ring.length < recentIdWindow) {
        ring.push(id);
        return true;
      }
      known.delete(ring[oldest] as string);
      ring[oldest] = id;
      oldest = oldest + 1 === recentIdWindow ? 0 : oldest + 1;
      return true;
    },
    list: () => [...ring.slice(oldest), ...ring.slice(0, oldest)],
  };
}
