/** The stock of a fashion house that does not exist, and what happens to it from one report to the next. */
import { type Random, randomOf } from './random.ts';

/** One article in one size at one place. */
export interface StockLine {
  sku: string;
  style: string;
  description?: string;
  category: string;
  colour?: string;
  size?: string;
  location: string;
  onHand: number;
  reserved: number;
  /** In cents. */
  unitPrice: number;
  /** `YYYY-MM-DD`. */
  availableFrom?: string;
  discontinued: boolean;
}

const lettered = ['XS', 'S', 'M', 'L', 'XL'];
const french = ['34', '36', '38', '40', '42', '44'];
const italian = ['46', '48', '50', '52', '54'];

/** Whole prices from, to, in euros. A bag has no size. */
const categories: readonly {
  name: string;
  nouns: readonly string[];
  sizes: readonly string[];
  prices: [number, number];
}[] = [
  {
    name: 'Prêt-à-porter · Robes',
    nouns: ['Robe Véronique', 'Robe du soir', 'Robe chemise'],
    sizes: french,
    prices: [690, 3900],
  },
  {
    name: 'Prêt-à-porter · Manteaux',
    nouns: ['Manteau croisé', 'Trench Élysée', 'Caban'],
    sizes: french,
    prices: [1290, 5400],
  },
  {
    name: 'Uomo · Abiti',
    nouns: ['Abito Città', 'Giacca destrutturata', 'Pantalone'],
    sizes: italian,
    prices: [490, 3200],
  },
  {
    name: 'Maille',
    nouns: ['Pull col rond', 'Cardigan Zoë', 'Polo tricot'],
    sizes: lettered,
    prices: [290, 1250],
  },
  {
    name: 'Souliers',
    nouns: ['Escarpin Ångström', 'Mocassin', 'Bottine'],
    sizes: ['36', '36½', '37', '37½', '38', '39', '40'],
    prices: [550, 1490],
  },
  { name: 'Maroquinerie', nouns: ['Sac Größe M', 'Pochette', 'Cabas Œuvre'], sizes: [], prices: [890, 8900] },
  { name: 'Accessoires', nouns: ['Foulard', 'Ceinture', 'Gants'], sizes: [], prices: [59, 490] },
];
const colours = [
  'Noir',
  'Écru',
  'Bleu nuit',
  'Rosé',
  'Grün',
  'Ciemnoróżowy',
  '墨色',
  'Terre d’ombre',
  'Blanc cassé',
];
const codes = ['NOI', 'ECR', 'BLN', 'ROS', 'GRU', 'CRZ', 'SUM', 'TOB', 'BLC'];
const materials = ['laine vierge', 'soie', 'coton d’Égypte', 'cachemire', 'cuir de veau', 'lin'];
const locations = [
  'Paris · Saint-Honoré',
  'Milano · Montenapoleone',
  'München · Maximilianstraße',
  'London · Bond Street',
  'København · Strøget',
  'Warszawa · Świętokrzyska',
  '東京 · 銀座',
  'Entrepôt Lyon',
];
const seasons = ['AW26', 'SS27', 'CR27'];

/** Prices end as they do in shops: 1290.00, 89.95, 475.50. */
function price(random: Random, [from, to]: [number, number]): number {
  const whole = random.integer(from, to);
  if (whole < 200) return whole * 100 + 95;
  return Math.round(whole / 5) * 500 + (random.chance(0.1) ? 50 : 0);
}

/** Mostly plain; a few with the characters that CSV has to quote. */
function description(random: Random, noun: string): string | undefined {
  if (random.chance(0.04)) return undefined;
  const made = `${noun}, ${random.pick(materials)}`;
  if (random.chance(0.02)) return `${made}\nLavage à la main`;
  if (random.chance(0.02)) return `${made}, dit "l'Original"`;
  return made;
}

function addDays(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

/** All lines of one new style, in the places that carry it. */
function newStyle(random: Random, number: number, date: string): StockLine[] {
  const style = `${random.pick(seasons)}-${String(number).padStart(5, '0')}`;
  const category = random.pick(categories);
  const unitPrice = price(random, category.prices);
  const text = description(random, random.pick(category.nouns));
  const availableFrom = random.chance(0.3) ? addDays(date, random.integer(-90, 60)) : undefined;
  const lines: StockLine[] = [];
  const first = random.integer(0, colours.length - 1);
  for (let step = 0; step < random.integer(1, 3); step += 1) {
    const shade = (first + step) % colours.length;
    for (const size of category.sizes.length > 0 ? category.sizes : [undefined]) {
      for (const location of locations) {
        if (!random.chance(0.5)) continue;
        const onHand = random.chance(0.15) ? 0 : random.integer(1, 40);
        lines.push({
          sku: [style, codes[shade], size].filter(Boolean).join('-'),
          style,
          description: text,
          category: category.name,
          colour: random.chance(0.01) ? undefined : colours[shade],
          size,
          location,
          onHand,
          reserved: Math.min(onHand, random.integer(0, 3)),
          unitPrice,
          availableFrom,
          discontinued: false,
        });
      }
    }
  }
  return lines;
}

/** A house with so many lines, as it stands at its first report. SKU and location together are unique. */
export function openStock(seed: number | string, date: string, rows: number): StockLine[] {
  const random = randomOf(seed, `stock of ${date}`);
  const lines: StockLine[] = [];
  for (let number = 1; lines.length < rows; number += 1) lines.push(...newStyle(random, number, date));
  return lines.slice(0, rows);
}

/**
 * Half a day later: sales and deliveries, a price or two, a style ends, a style begins, and what was ended and is sold
 * out is no longer listed. Leaves `before` as it was.
 */
export function nextStock(before: readonly StockLine[], random: Random, date: string): StockLine[] {
  const lines = before
    .filter(({ discontinued, onHand }) => !discontinued || onHand > 0)
    .map((line) => {
      const sold = random.chance(0.25) ? Math.min(line.onHand, random.integer(1, 4)) : 0;
      const delivered = !line.discontinued && random.chance(0.03) ? random.integer(5, 60) : 0;
      const onHand = line.onHand - sold + delivered;
      return { ...line, onHand, reserved: Math.min(onHand, random.integer(0, 3)) };
    });
  if (lines.length === 0) return lines;
  const ended = random.pick(lines).sku;
  const reduced = random.pick(lines).style;
  for (const line of lines) {
    if (line.sku === ended) line.discontinued = true;
    if (line.style === reduced) line.unitPrice = Math.max(100, Math.round(line.unitPrice * 0.008) * 100);
  }
  const numbers = new Set(lines.map(({ style }) => Number(style.slice(5))));
  return [
    ...lines,
    ...newStyle(random, Math.max(...numbers) + 1, date).slice(0, Math.ceil(lines.length / 500)),
  ];
}
