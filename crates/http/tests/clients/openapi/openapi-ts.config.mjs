// The settings of @hey-api/openapi-ts.

export default {
  input: new URL('../../../../../docs/openapi.json', import.meta.url).pathname,
  output: { path: 'generated/hey-api', importFileExtension: '.js' },
  plugins: ['@hey-api/client-fetch', '@hey-api/typescript', '@hey-api/sdk'],
};
