/** Ids of this many ticks of a symbol are remembered: a duplicate that comes later is caught by the load, in SQL. */
export const recentIdWindow = 512;

/**
 * A window as plain values, small enough to be written with every batch: a write is paid by the kilobyte, and most ids follow
 * the one before of their venue.
 */
export interface PackedIds {
  /** `venue|tradingDay` of the ids. */
  readonly groups: readonly string[];
  /**
   * Base64 of two numbers an id, the oldest first, in groups of seven bits, the lowest first (LEB128, DWARF 5, 7.6): twice
   * the index of its group, plus 1 where it is below the id before it of its group; and the difference of the two.
   */
  readonly ids: string;
}

/**
 * The last ids of a symbol: numbers in a ring, which is searched from end to end. That is as fast as a set of so few, and
 * unlike a set it costs nothing to build for the handful of ticks that a batch has of a symbol.
 */
export class RecentIds {
  readonly #ids = new Float64Array(recentIdWindow);
  /** Index of the group of each. */
  readonly #groupOf = new Uint16Array(recentIdWindow);
  #length = 0;
  /** Where the oldest is, once the ring is full. */
  #oldest = 0;
  #venues: string[] = [];
  #days: string[] = [];

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
    const group = this.#group(venue, tradingDay);
    for (let at = this.#ids.indexOf(id); at !== -1 && at < this.#length; at = this.#ids.indexOf(id, at + 1))
      if (this.#groupOf[at] === group) return false;
    let at = this.#length;
    if (at < recentIdWindow) this.#length++;
    else {
      at = this.#oldest;
      this.#oldest = at + 1 === recentIdWindow ? 0 : at + 1;
    }
    this.#ids[at] = id;
    this.#groupOf[at] = group;
    return true;
  }

  pack(): PackedIds {
    this.#forgetGroups();
    const last = new Float64Array(this.#venues.length);
    let end = 0;
    for (let i = 0; i < this.#length; i++) {
      const at = (this.#oldest + i) % recentIdWindow;
      const group = this.#groupOf[at] as number;
      const id = this.#ids[at] as number;
      const difference = id - (last[group] as number);
      last[group] = id;
      end = writeNumber(group * 2 + (difference < 0 ? 1 : 0), end);
      end = writeNumber(Math.abs(difference), end);
    }
    return {
      groups: this.#venues.map((venue, index) => `${venue}|${this.#days[index]}`),
      ids: scratch.toString('base64', 0, end),
    };
  }

  #unpack({ groups, ids }: PackedIds): void {
    for (const group of groups) {
      const end = group.indexOf('|');
      this.#venues.push(group.slice(0, end));
      this.#days.push(group.slice(end + 1));
    }
    const last = new Float64Array(groups.length);
    const bytes = Buffer.from(ids, 'base64');
    for (reading.at = 0; reading.at < bytes.length; ) {
      const head = readNumber(bytes);
      const group = Math.floor(head / 2);
      const difference = readNumber(bytes);
      if (group >= groups.length || this.#length === recentIdWindow) throw new Error('not a window of ids');
      const id = (last[group] as number) + (head % 2 === 1 ? -difference : difference);
      last[group] = id;
      this.#ids[this.#length] = id;
      this.#groupOf[this.#length++] = group;
    }
  }

  #group(venue: string, tradingDay: string): number {
    for (let index = this.#venues.length - 1; index >= 0; index--)
      if (this.#venues[index] === venue && this.#days[index] === tradingDay) return index;
    // Groups of past days would pile up in a replay of months: a day has about twenty.
    if (this.#venues.length >= 2 * recentIdWindow) this.#forgetGroups();
    this.#days.push(tradingDay);
    return this.#venues.push(venue) - 1;
  }

  /** Leaves the groups that the window has ids of, in the order of these. */
  #forgetGroups(): void {
    const venues: string[] = [];
    const days: string[] = [];
    const now = new Int32Array(this.#venues.length).fill(-1);
    for (let i = 0; i < this.#length; i++) {
      const at = (this.#oldest + i) % recentIdWindow;
      const group = this.#groupOf[at] as number;
      if (now[group] === -1) {
        now[group] = venues.push(this.#venues[group] as string) - 1;
        days.push(this.#days[group] as string);
      }
      this.#groupOf[at] = now[group] as number;
    }
    this.#venues = venues;
    this.#days = days;
  }
}

/** Ten bytes an id are two of a group and eight of 53 bits. */
const scratch = Buffer.alloc(recentIdWindow * 10);

function writeNumber(value: number, at: number): number {
  let rest = value;
  let end = at;
  for (; rest >= 2 ** 31; rest = Math.floor(rest / 128)) scratch[end++] = (rest % 128) | 128;
  for (; rest >= 128; rest >>>= 7) scratch[end++] = (rest & 127) | 128;
  scratch[end++] = rest;
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
