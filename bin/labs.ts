import { App } from 'aws-cdk-lib';
import { addLabs } from '../stacks/labs.ts';

/** The app: the only reader of context and environment. */
const app = new App();
addLabs(app, {
  ephemeral: String(app.node.tryGetContext('ephemeral')) === 'true',
  fashionTimeZone: app.node.tryGetContext('fashion:timeZone'),
});
