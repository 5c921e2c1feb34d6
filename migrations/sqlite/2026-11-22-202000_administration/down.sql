DROP TABLE audit_events;
DROP TABLE invitations;
DROP TABLE user_rules;
DROP TABLE group_rules;
