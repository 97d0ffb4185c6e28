import { App, Tags, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { FashionStack } from '../stacks/fashion/fashion-stack.ts';

/** The app: the only reader of context and environment. */
const app = new App();
const ephemeral = String(app.node.tryGetContext('ephemeral')) === 'true';

const labs = {
  fashion: new FashionStack(app, 'FashionInventory', {
    ephemeral,
    timeZone: app.node.tryGetContext('fashion:timeZone'),
  }),
};

for (const [lab, stack] of Object.entries(labs)) {
  Tags.of(stack).add('app', 'data-pipeline-labs');
  Tags.of(stack).add('lab', lab);
}
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
