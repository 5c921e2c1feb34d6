import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// The page and the API have one origin, so the server needs no CORS settings.
const target = process.env.CAUSERIE_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react()],
  server: { proxy: { '/api': target, '/sessions': target } },
});
