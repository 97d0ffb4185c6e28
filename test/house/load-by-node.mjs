/** A transform of jest: a module becomes what Node's own `require` makes of it. See packages-of-node.mjs. */
export default {
  process: () => ({ code: 'module.exports = requireByNode(__filename);' }),
};
