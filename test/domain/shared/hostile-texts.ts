/** Texts that would end a SQL literal, or be read otherwise, if they were put into a statement as they are. */
export const hostileTexts = [
  "O'Brien.xlsx",
  "x'; DROP TABLE fashion.current_positions; --.xlsx",
  "\\'; DROP TABLE fashion.current_positions; --.xlsx",
  "a\\' OR 1=1 --",
  'back\\slash\\\\.xlsx',
  '\\',
  "'",
  '',
  '$$; SELECT 1; $$',
  'line\nbreak\r.xlsx',
  'Größe 東京 👗.xlsx',
  '/* ',
  ':name',
  "E'\\x27",
];
