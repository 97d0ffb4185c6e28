import { relation } from './expressions.ts';
import { notInRedshift, notServed, SqlError } from './sql-error.ts';
import { stringValue, type Token } from './tokens.ts';

/** COPY ... FROM 's3://…' as far as it is served. Source: Redshift Database Developer Guide, COPY. */
export interface CopyStatement {
  schema?: string;
  table: string;
  /** Undefined: all columns in order. */
  columns?: string[];
  bucket: string;
  /** A key prefix, or with `manifest` the key of the manifest. */
  key: string;
  roleArn: string;
  delimiter: string;
  quote: string;
  gzip: boolean;
  manifest: boolean;
  ignoreHeader: number;
  ignoreBlankLines: boolean;
  emptyAsNull: boolean;
  blanksAsNull: boolean;
  /** Text that stands for NULL. */
  nullAs?: string;
  /** Round a decimal to the column's scale; without it COPY cuts it. */
  roundDecimals: boolean;
  dateFormat: 'YYYY-MM-DD' | 'auto';
  timeFormat: 'YYYY-MM-DD HH:MI:SS' | 'auto';
}

/** Options this server knows of and does not serve; an unknown word is a syntax error. */
const refused = new Set(
  `json avro orc parquet shapefile fixedwidth escape removequotes explicit_ids fillrecord acceptanydate acceptinvchars
   truncatecolumns trimblanks encrypted bzip2 lzop zstd ssh readratio noload credentials access_key_id secret_access_key
   session_token master_symmetric_key comprows`.split(/\s+/),
);

/** Parses the tokens of a COPY statement; options come in any order, with or without AS. */
export function parseCopy(tokens: Token[]): CopyStatement {
  let at = 1;
  const peek = () => tokens[at];
  const fail = (): never => {
    throw new SqlError(`syntax error at or near "${peek()?.text ?? 'end of input'}"`);
  };
  const take = (test: (token: Token) => boolean): Token => {
    const token = peek();
    if (!token || !test(token)) return fail();
    at++;
    return token;
  };
  const accept = (...words: string[]) => (words.includes(peek()?.word ?? '') ? tokens[at++] : undefined);
  const text = () => {
    accept('as');
    return stringValue(take((token) => token.kind === 'string'));
  };
  const name = () => take((token) => token.name !== '').name;

  let table = name();
  let schema: string | undefined;
  if (peek()?.text === '.') {
    at++;
    schema = table;
    table = name();
    if (peek()?.text === '.') throw notServed('a name with a database in front');
  }
  relation({ schemaname: schema, relname: table });
  let columns: string[] | undefined;
  if (peek()?.text === '(') {
    columns = [];
    do {
      at++;
      columns.push(name());
    } while (peek()?.text === ',');
    take((token) => token.text === ')');
  }
  if (!accept('from')) fail();
  const source = stringValue(take((token) => token.kind === 'string'));
  const location = /^s3:\/\/([^/]+)\/(.+)$/.exec(source);
  if (!location) {
    if (/^(emr|dynamodb|ssh):\/\//.test(source)) throw notServed(`COPY from ${source.split(':')[0]}`);
    throw new SqlError(`The specified S3 path '${source}' is not of the form s3://bucket/key`);
  }
  const copy: CopyStatement = {
    ...(schema ? { schema } : {}),
    table,
    ...(columns ? { columns } : {}),
    bucket: location[1] as string,
    key: location[2] as string,
    roleArn: '',
    delimiter: ',',
    quote: '"',
    gzip: false,
    manifest: false,
    ignoreHeader: 0,
    ignoreBlankLines: false,
    emptyAsNull: false,
    blanksAsNull: false,
    roundDecimals: false,
    dateFormat: 'YYYY-MM-DD',
    timeFormat: 'YYYY-MM-DD HH:MI:SS',
  };
  let csv = false;
  while (at < tokens.length) {
    const { word } = take((token) => token.kind === 'word');
    if (refused.has(word)) throw notServed(`COPY option ${word.toUpperCase()}`);
    switch (word) {
      case 'with':
        break;
      case 'iam_role':
        if (accept('default')) throw notServed('IAM_ROLE default');
        copy.roleArn = text();
        if (!/^arn:aws[a-z-]*:iam::\d{12}:role\/.+$/.test(copy.roleArn))
          throw notServed(`IAM_ROLE '${copy.roleArn}'`);
        break;
      case 'format':
        accept('as');
        if (!accept('csv')) throw notServed(`COPY format ${peek()?.text.toUpperCase() ?? ''}`);
        csv = true;
        break;
      case 'csv':
        csv = true;
        break;
      case 'quote':
        copy.quote = oneCharacter(text(), 'QUOTE');
        break;
      case 'delimiter':
        copy.delimiter = oneCharacter(text(), 'DELIMITER');
        break;
      case 'gzip':
        copy.gzip = true;
        break;
      case 'manifest':
        copy.manifest = true;
        break;
      case 'ignoreheader':
        accept('as');
        copy.ignoreHeader = Number(take((token) => /^\d+$/.test(token.text)).text);
        break;
      case 'ignoreblanklines':
        copy.ignoreBlankLines = true;
        break;
      case 'emptyasnull':
        copy.emptyAsNull = true;
        break;
      case 'blanksasnull':
        copy.blanksAsNull = true;
        break;
      case 'null':
        copy.nullAs = text();
        break;
      case 'roundec':
        copy.roundDecimals = true;
        break;
      case 'dateformat': {
        const format = text();
        if (format !== 'auto' && format !== 'YYYY-MM-DD') throw notServed(`DATEFORMAT '${format}'`);
        copy.dateFormat = format;
        break;
      }
      case 'timeformat': {
        const format = text();
        if (format !== 'auto' && format !== 'YYYY-MM-DD HH:MI:SS') throw notServed(`TIMEFORMAT '${format}'`);
        copy.timeFormat = format;
        break;
      }
      case 'encoding':
        if (!(accept('as', 'utf8') && (tokens[at - 1]?.word === 'utf8' || accept('utf8'))))
          throw notServed('an ENCODING other than UTF8');
        break;
      case 'region':
        text();
        break;
      case 'compupdate':
        accept('on', 'off', 'true', 'false', 'preset');
        break;
      case 'statupdate':
        accept('on', 'off', 'true', 'false');
        break;
      case 'maxerror': {
        accept('as');
        const errors = take((token) => /^\d+$/.test(token.text)).text;
        if (Number(errors) > 0) throw notServed('MAXERROR above 0 (a bad row fails the COPY)');
        break;
      }
      default:
        at--;
        fail();
    }
  }
  if (!csv) throw notServed('COPY in a format other than CSV');
  if (!copy.roleArn) throw new SqlError('CREDENTIALS argument is required; name an IAM_ROLE');
  if (copy.delimiter === copy.quote) throw new SqlError('COPY delimiter and quote must differ');
  return copy;
}

function oneCharacter(value: string, option: string): string {
  if (value.length !== 1 || value.charCodeAt(0) > 127)
    throw notInRedshift(`${option} '${value}' (one ASCII character is needed)`);
  return value;
}
