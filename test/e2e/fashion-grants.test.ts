import { openFashionLab } from './fashion-lab.ts';
import { FashionScenarios } from './fashion-scenarios.ts';
import { proveGrants } from './grants-suite.ts';

proveGrants({
  stack: 'FashionInventory',
  open: openFashionLab,
  scenarios: (fashion) => FashionScenarios.open(fashion),
});
