/** Ids of this many ticks of a symbol are remembered: a duplicate that comes later is caught by the load, in SQL. */
export const recentIdWindow = 512;

/**
 * A window as plain values, small enough to be written with every batch: a write is paid by the kilobyte, and most ids follow
 * the one before of their venue.
 */
export interface PackedIds {
  /**
   * `venue|tradingDay|id`, with the id that left the window last, where one did; empty for a free place, which the next
   * group gets.
   */
  readonly groups: readonly string[];
  /**
   * Base64 of two numbers an id, the oldest first, in groups of seven bits, the lowest first (LEB128, DWARF 5, 7.6): twice
   * the index of its group, plus 1 where it is below the id before it of its group; and the difference of the two.
   */
  readonly ids: string;
}

/** The ids of one venue and day. */
interface Group {
  venue: string;
  tradingDay: string;
  /** Of the window; 0 for a free place. */
  count: number;
  /** The id that left last, from which the differences begin; 0 before. */
  left: number;
  newest: number;
}

/** An id takes two bytes of a group and eight of 53 bits at most. */
const mostBytes = recentIdWindow * 10;
/** Twice the window, so that what is left of it moves to the front once in a window. */
const capacity = 2 * mostBytes;
/** Places of {@link RecentIds.#low}: a power of two, some times the window. */
const lowPlaces = 2048;

/**
 * The last ids of a symbol: numbers in a ring. It is searched from end to end, but only for the few ids whose last bits an id
 * of the window has too.
 *
 * The packed form is kept beside it and changed by each id, at both ends: packing 512 ids for the handful of ticks that a
 * batch has of a symbol would take longer than these.
 */
export class RecentIds {
  readonly #ids = new Float64Array(recentIdWindow);
  /** Index of the group of each, and its packed bytes. */
  readonly #groupOf = new Uint16Array(recentIdWindow);
  readonly #bytesOf = new Uint8Array(recentIdWindow);
  /** How many ids have the same last bits. */
  readonly #low = new Uint16Array(lowPlaces);
  #length = 0;
  /** Where the oldest is, once the ring is full. */
  #oldest = 0;
  readonly #groups: Group[] = [];
  readonly #packed = Buffer.allocUnsafeSlow(capacity);
  #begin = 0;
  #end = 0;

  /** @throws Error when it is not a packed window */
  constructor(packed?: PackedIds) {
    if (packed) this.#unpack(packed);
  }

  /**
   * False for an id of the window, which then stays where it is. Otherwise it is added and the oldest goes.
   *
   * @param id a whole number of up to 53 bits
   */
  add(venue: string, tradingDay: string, id: number): boolean {
    if (this.#low[id & (lowPlaces - 1)] !== 0 && this.#has(venue, tradingDay, id)) return false;
    if (this.#length === recentIdWindow) this.#forgetOldest();
    const index = this.#group(venue, tradingDay);
    const group = this.#groups[index] as Group;
    const difference = id - group.newest;
    if (this.#end > capacity - 10) {
      this.#packed.copyWithin(0, this.#begin, this.#end);
      this.#end -= this.#begin;
      this.#begin = 0;
    }
    const begin = this.#end;
    const middle = writeNumber(this.#packed, index * 2 + (difference < 0 ? 1 : 0), begin);
    this.#end = writeNumber(this.#packed, Math.abs(difference), middle);
    this.#remember(index, id, this.#end - begin);
    return true;
  }

  pack(): PackedIds {
    return {
      groups: this.#groups.map(({ venue, tradingDay, count, left }) =>
        count === 0 ? '' : left === 0 ? `${venue}|${tradingDay}` : `${venue}|${tradingDay}|${left}`,
      ),
      ids: this.#packed.toString('base64', this.#begin, this.#end),
    };
  }

  #has(venue: string, tradingDay: string, id: number): boolean {
    for (let at = this.#ids.indexOf(id); at !== -1 && at < this.#length; at = this.#ids.indexOf(id, at + 1)) {
      const group = this.#groups[this.#groupOf[at] as number] as Group;
      if (group.venue === venue && group.tradingDay === tradingDay) return true;
    }
    return false;
  }

  #unpack({ groups, ids }: PackedIds): void {
    for (const text of groups) {
      const [venue = '', tradingDay = '', left = '0'] = text.split('|');
      this.#groups.push({ venue, tradingDay, count: 0, left: Number(left), newest: Number(left) });
    }
    const bytes = Buffer.from(ids, 'base64');
    if (bytes.length > mostBytes) throw new Error('not a window of ids');
    for (reading.at = 0; reading.at < bytes.length; ) {
      const begin = reading.at;
      const head = readNumber(bytes);
      const index = Math.floor(head / 2);
      const difference = readNumber(bytes);
      const group = this.#groups[index];
      if (!group || this.#length === recentIdWindow) throw new Error('not a window of ids');
      this.#remember(index, group.newest + (head % 2 === 1 ? -difference : difference), reading.at - begin);
    }
    this.#packed.set(bytes);
    this.#end = bytes.length;
  }

  /** @param bytes how many it has in the packed form */
  #remember(index: number, id: number, bytes: number): void {
    let at = this.#length;
    if (at < recentIdWindow) this.#length++;
    else {
      at = this.#oldest;
      this.#oldest = at + 1 === recentIdWindow ? 0 : at + 1;
    }
    this.#ids[at] = id;
    this.#groupOf[at] = index;
    this.#bytesOf[at] = bytes;
    const group = this.#groups[index] as Group;
    group.count++;
    group.newest = id;
    const low = id & (lowPlaces - 1);
    this.#low[low] = (this.#low[low] as number) + 1;
  }

  /** All of it but its place in the ring, which the next one takes at once. */
  #forgetOldest(): void {
    const at = this.#oldest;
    const id = this.#ids[at] as number;
    this.#begin += this.#bytesOf[at] as number;
    const low = id & (lowPlaces - 1);
    this.#low[low] = (this.#low[low] as number) - 1;
    const group = this.#groups[this.#groupOf[at] as number] as Group;
    group.left = id;
    group.count--;
    if (group.count === 0) Object.assign(group, { venue: '', tradingDay: '', left: 0, newest: 0 });
  }

  /** Index of the group; a new one gets the first free place, so that past days leave nothing behind. */
  #group(venue: string, tradingDay: string): number {
    let free = -1;
    for (let index = this.#groups.length - 1; index >= 0; index--) {
      const group = this.#groups[index] as Group;
      if (group.venue === venue && group.tradingDay === tradingDay) return index;
      if (group.count === 0) free = index;
    }
    const group = { venue, tradingDay, count: 0, left: 0, newest: 0 };
    if (free === -1) return this.#groups.push(group) - 1;
    this.#groups[free] = group;
    return free;
  }
}

function writeNumber(to: Uint8Array, value: number, at: number): number {
  let rest = value;
  let end = at;
  for (; rest >= 2 ** 31; rest = Math.floor(rest / 128)) to[end++] = (rest % 128) | 128;
  for (; rest >= 128; rest >>>= 7) to[end++] = (rest & 127) | 128;
  to[end++] = rest;
  return end;
}

const reading = { at: 0 };

function readNumber(bytes: Uint8Array): number {
  let value = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[reading.at++];
    if (byte === undefined) throw new Error('a window of ids ends within a number');
    if (byte < 128) return value + byte * scale;
    value += (byte - 128) * scale;
  }
}
