-- SQLite builds a temporary table for each list of more than two values whenever a statement checks it: 17 for a turn.
-- A chain of comparisons needs none. The stored rows stay as they are, so only the texts of the tables change, as
-- https://www.sqlite.org/lang_altertable.html describes.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql,
    'CHECK (state IN (''active'', ''paused'', ''completed''))',
    'CHECK (state = ''active'' OR state = ''paused'' OR state = ''completed'')')
    WHERE type = 'table' AND name = 'sessions';
UPDATE sqlite_schema SET sql = replace(replace(sql,
    'CHECK (status IN (''running'', ''completed'', ''cancelled'', ''failed'', ''interrupted''))',
    'CHECK (
        status = ''running'' OR status = ''completed'' OR status = ''cancelled'' OR status = ''failed'' OR
        status = ''interrupted''
    )'),
    'CHECK (failure_code IN (
        ''upstream_rate_limited'', ''upstream_busy'', ''upstream_unavailable'', ''model_unavailable'',
        ''upstream_timeout'', ''context_length_exceeded'', ''content_moderated'', ''upstream_invalid_request'',
        ''upstream_invalid_response'', ''upstream_interrupted'', ''empty_response'', ''upstream_authentication'',
        ''upstream_payment_required'', ''internal''
    ))',
    'CHECK (
        failure_code IS NULL OR failure_code = ''upstream_rate_limited'' OR failure_code = ''upstream_busy'' OR
        failure_code = ''upstream_unavailable'' OR failure_code = ''model_unavailable'' OR
        failure_code = ''upstream_timeout'' OR failure_code = ''context_length_exceeded'' OR
        failure_code = ''content_moderated'' OR failure_code = ''upstream_invalid_request'' OR
        failure_code = ''upstream_invalid_response'' OR failure_code = ''upstream_interrupted'' OR
        failure_code = ''empty_response'' OR failure_code = ''upstream_authentication'' OR
        failure_code = ''upstream_payment_required'' OR failure_code = ''internal''
    )')
    WHERE type = 'table' AND name = 'turns';
UPDATE sqlite_schema SET sql = replace(replace(sql,
    'CHECK (role IN (''user'', ''assistant'', ''system''))',
    'CHECK (role = ''user'' OR role = ''assistant'' OR role = ''system'')'),
    'CHECK (status IN (''pending'', ''completed'', ''cancelled'', ''interrupted'', ''failed''))',
    'CHECK (
        status = ''pending'' OR status = ''completed'' OR status = ''cancelled'' OR status = ''interrupted'' OR
        status = ''failed''
    )')
    WHERE type = 'table' AND name = 'messages';
UPDATE sqlite_schema SET sql = replace(sql,
    'CHECK (kind IN (''text'', ''reasoning'', ''file''))',
    'CHECK (kind = ''text'' OR kind = ''reasoning'' OR kind = ''file'')')
    WHERE type = 'table' AND name = 'segments';
UPDATE sqlite_schema SET sql = replace(sql,
    'CHECK (storage_provider IN (''local'', ''s3'', ''gcs'', ''url''))',
    'CHECK (
        storage_provider = ''local'' OR storage_provider = ''s3'' OR storage_provider = ''gcs'' OR
        storage_provider = ''url''
    )')
    WHERE type = 'table' AND name = 'message_attachments';
UPDATE sqlite_schema SET sql = replace(replace(replace(sql,
    'CHECK (outcome IN (''completed'', ''cancelled'', ''failed'', ''interrupted''))',
    'CHECK (
        outcome IS NULL OR outcome = ''completed'' OR outcome = ''cancelled'' OR outcome = ''failed'' OR
        outcome = ''interrupted''
    )'),
    'CHECK (failure_code IN (
        ''upstream_rate_limited'', ''upstream_busy'', ''upstream_unavailable'', ''model_unavailable'',
        ''upstream_timeout'', ''context_length_exceeded'', ''content_moderated'', ''upstream_invalid_request'',
        ''upstream_invalid_response'', ''upstream_interrupted'', ''empty_response'', ''upstream_authentication'',
        ''upstream_payment_required'', ''internal''
    ))',
    'CHECK (
        failure_code IS NULL OR failure_code = ''upstream_rate_limited'' OR failure_code = ''upstream_busy'' OR
        failure_code = ''upstream_unavailable'' OR failure_code = ''model_unavailable'' OR
        failure_code = ''upstream_timeout'' OR failure_code = ''context_length_exceeded'' OR
        failure_code = ''content_moderated'' OR failure_code = ''upstream_invalid_request'' OR
        failure_code = ''upstream_invalid_response'' OR failure_code = ''upstream_interrupted'' OR
        failure_code = ''empty_response'' OR failure_code = ''upstream_authentication'' OR
        failure_code = ''upstream_payment_required'' OR failure_code = ''internal''
    )'),
    'CHECK (basis IN (''reported'', ''looked_up'', ''calculated'', ''estimated'', ''pending'', ''unknown''))',
    'CHECK (
        basis IS NULL OR basis = ''reported'' OR basis = ''looked_up'' OR basis = ''calculated'' OR
        basis = ''estimated'' OR basis = ''pending'' OR basis = ''unknown''
    )')
    WHERE type = 'table' AND name = 'ai_usage';
PRAGMA writable_schema = RESET;
