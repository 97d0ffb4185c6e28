/** Sizes that the layout and both writers share, in pixels. */
export const measures = {
  icon: 48,
  /** Room for a node: its label is not wider. */
  cellWidth: 96,
  /** Free between two neighbours that no box parts. */
  columnGap: 26,
  rowGap: 30,
  /** Between a box and what it holds. */
  padding: 14,
  /** Room for a box's icon and label, at its top. */
  header: 30,
  groupIcon: 25,
  /** Below an icon, above its label: as draw.io has it. */
  labelGap: 7,
  nodeFont: 12,
  groupFont: 12,
  arrowFont: 11,
  titleFont: 18,
  titleHeight: 40,
  margin: 16,
  disc: 20,
  discFont: 11,
  /** From a line to the edge of what stands beside it. */
  besideGap: 4,
  lane: 14,
} as const;
