-- In the opposite order: what refers goes before what it refers to.
DROP TABLE ai_usage;
DROP TABLE ai_models;
DROP TABLE message_attachments;
DROP TABLE segments;
DROP TABLE messages;
DROP TABLE turns;
DROP TABLE sessions;
DROP TABLE tool_versions;
DROP TABLE tools;
DROP TABLE api_keys;
DROP TABLE memberships;
DROP TABLE groups;
DROP TABLE users;
