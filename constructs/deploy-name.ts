import { Aws, Fn, Names } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

/** The first part of the stack id's UUID, and the hyphen before it. */
const endLength = 9;

/**
 * A name for what CloudFormation gives no name of its own, in lower case: the path of the construct, then a part of the
 * stack's id. What a destroyed stack has left keeps its name; a second deploy has another id, and so another name.
 *
 * The part is the UUID's first one. In a UUID that is made of time and host it is what differs most between two deploys.
 *
 * @param maxLength of the name, in characters
 */
export function deployName(construct: Construct, maxLength: number): string {
  const path = Names.uniqueResourceName(construct, {
    maxLength: maxLength - endLength,
    separator: '-',
  });
  const uuid = Fn.select(2, Fn.split('/', Aws.STACK_ID));
  return `${path.toLowerCase()}-${Fn.select(0, Fn.split('-', uuid))}`;
}
