import { App } from 'aws-cdk-lib';
import { addLabs } from '../stacks/labs.ts';

/** The app: the only reader of context and environment. */
const app = new App();
const zones: string | undefined = app.node.tryGetContext('availabilityZones');
addLabs(app, {
  ephemeral: String(app.node.tryGetContext('ephemeral')) === 'true',
  availabilityZones: zones?.split(','),
  fashionTimeZone: app.node.tryGetContext('fashion:timeZone'),
});
