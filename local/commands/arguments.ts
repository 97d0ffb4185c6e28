import { LabError } from '../../domain/errors.ts';

/** The result of `parseArgs`, whose errors are of our table then. Throws UsageInvalid. @param hint behind what it says */
export function split<Result>(parse: () => Result, hint = ''): Result {
  try {
    return parse();
  } catch (error) {
    throw new LabError('UsageInvalid', `${(error as Error).message}${hint}`);
  }
}

/** Makes the checks of one npm script's arguments: each throws UsageInvalid, which names that script's --help. */
export function argumentsOf(script: string) {
  const hint = ` (npm run ${script} -- --help)`;
  const invalid = (why: string) => new LabError('UsageInvalid', `${why}${hint}`);
  const needed = (option: string, value: string | undefined, what: string) =>
    invalid(`${option} ${value === undefined ? 'is missing' : JSON.stringify(value)}: it takes ${what}`);
  return {
    invalid,
    needed,
    split: <Result>(parse: () => Result): Result => split(parse, hint),
    /** The one lab that is named. @param there which the script is for */
    lab: <Lab extends string>(positionals: readonly string[], ...there: Lab[]): Lab => {
      const [named, ...more] = positionals;
      const lab = there.find((each) => each === named);
      if (lab === undefined)
        throw invalid(
          `${named === undefined ? 'no lab is named' : `no lab ${named}`}; there is ${there.join(', ')}`,
        );
      if (more.length > 0) throw invalid(`more than one lab: ${positionals.join(' ')}`);
      return lab;
    },
    stack: (name: string | undefined): string | undefined => {
      if (name === '') throw needed('--stack', name, 'the name of a stack');
      return name;
    },
  };
}
