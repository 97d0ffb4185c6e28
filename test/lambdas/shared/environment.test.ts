import { readEnvironment } from '../../../lambdas/shared/environment.ts';

const names = ['LABS_TEST_ONE', 'LABS_TEST_TWO', 'LABS_TEST_THREE'] as const;
afterEach(() => {
  for (const name of names) delete process.env[name];
});

it('reads what is named and nothing else', () => {
  process.env.LABS_TEST_ONE = '1';
  process.env.LABS_TEST_TWO = 'two words';
  expect(readEnvironment(['LABS_TEST_ONE', 'LABS_TEST_TWO'])).toEqual({
    LABS_TEST_ONE: '1',
    LABS_TEST_TWO: 'two words',
  });
  expect(readEnvironment([])).toEqual({});
});

it('names all that is missing in one error; an empty value is missing too', () => {
  process.env.LABS_TEST_ONE = '1';
  process.env.LABS_TEST_TWO = '';
  expect(() => readEnvironment(names)).toThrow(
    'environment variables are not set: LABS_TEST_TWO, LABS_TEST_THREE',
  );
});
