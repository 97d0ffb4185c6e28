import { at, referred } from '../references.ts';
import { edges, type Reader } from './edge.ts';

/**
 * APIs: what a method or route calls. A service integration names its stream or queue in the templates of the request.
 * Source: CloudFormation resource reference, AWS::ApiGateway::Method, AWS::ApiGatewayV2::Integration.
 */
export const apiFlows: Readonly<Record<string, Reader>> = {
  'AWS::ApiGateway::Method': ({ logicalId: by, properties }, template) =>
    edges(
      'flow',
      by,
      'api integration',
      referred(template, properties.RestApiId),
      without(
        referred(
          template,
          at(properties, 'Integration.Uri'),
          at(properties, 'Integration.RequestTemplates'),
          at(properties, 'Integration.RequestParameters'),
        ),
        referred(template, properties.RestApiId),
      ),
    ),
  'AWS::ApiGateway::Authorizer': ({ logicalId: by, properties }, template) =>
    edges(
      'flow',
      by,
      'asked whether a caller may',
      referred(template, properties.RestApiId),
      referred(template, properties.AuthorizerUri),
    ),
  'AWS::ApiGatewayV2::Integration': ({ logicalId: by, properties }, template) =>
    edges(
      'flow',
      by,
      'api integration',
      referred(template, properties.ApiId),
      without(
        referred(template, properties.IntegrationUri, properties.RequestParameters),
        referred(template, properties.ApiId),
      ),
    ),
};

const without = (ids: readonly string[], others: readonly string[]) =>
  ids.filter((id) => !others.includes(id));
