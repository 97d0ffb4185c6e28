import { readFileSync } from 'node:fs';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { drawioOf } from '../../../diagrams/engine/drawio.ts';
import { layOut } from '../../../diagrams/engine/layout.ts';
import { svgOf } from '../../../diagrams/engine/svg.ts';
import { smallDiagram } from './small-diagram.ts';

const art = (name: string) => readFileSync(`node_modules/aws-icons/icons/${name}`, 'utf8');
const { picture } = layOut(smallDiagram);
const drawio = drawioOf(picture);
const svg = svgOf(picture, drawio, art);
const parsed = new XMLParser({ ignoreAttributes: false, htmlEntities: true, parseTagValue: false }).parse(
  svg,
).svg;

describe('the picture as SVG', () => {
  it('is well-formed, and carries the whole diagrams.net file', () => {
    expect(XMLValidator.validate(svg)).toBe(true);
    expect(parsed['@_content']).toBe(drawio);
  });

  it('is of plain shapes: no foreignObject, no script, nothing from elsewhere', () => {
    expect(svg).not.toMatch(/<foreignObject|<script|<style|(href|src)="(?!#)/);
  });

  it('is on white paper, so that it reads on a dark page', () => {
    const [paper] = parsed.rect;
    expect(paper['@_fill']).toBe('#FFFFFF');
    expect(Number(paper['@_width'])).toBe(picture.width);
    expect(Number(paper['@_height'])).toBe(picture.height);
  });

  it('holds each drawing once, and shows each node and box', () => {
    const symbols = [parsed.defs.symbol].flat().map((symbol) => symbol['@_id']);
    expect(new Set(symbols).size).toBe(symbols.length);
    const used = [...svg.matchAll(/<use href="#([^"]*)"/g)].map(([, id]) => id);
    expect(new Set(used)).toEqual(new Set(symbols));
    expect(used).toHaveLength(picture.nodes.length + picture.groups.length);
  });

  it('says in words what it shows, for those who do not see it', () => {
    expect(parsed.title).toBe(smallDiagram.title);
    expect(svg).toContain('<title>Bucket</title>');
    expect(svg).toContain('<title>bucket -&gt; work</title>');
  });
});
