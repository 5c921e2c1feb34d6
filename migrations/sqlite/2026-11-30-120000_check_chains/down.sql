PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql,
    'CHECK (state = ''active'' OR state = ''paused'' OR state = ''completed'')',
    'CHECK (state IN (''active'', ''paused'', ''completed''))')
    WHERE type = 'table' AND name = 'sessions';
UPDATE sqlite_schema SET sql = replace(replace(sql,
    'CHECK (
        status = ''running'' OR status = ''completed'' OR status = ''cancelled'' OR status = ''failed'' OR
        status = ''interrupted''
    )',
    'CHECK (status IN (''running'', ''completed'', ''cancelled'', ''failed'', ''interrupted''))'),
    'CHECK (
        failure_code IS NULL OR failure_code = ''upstream_rate_limited'' OR failure_code = ''upstream_busy'' OR
        failure_code = ''upstream_unavailable'' OR failure_code = ''model_unavailable'' OR
        failure_code = ''upstream_timeout'' OR failure_code = ''context_length_exceeded'' OR
        failure_code = ''content_moderated'' OR failure_code = ''upstream_invalid_request'' OR
        failure_code = ''upstream_invalid_response'' OR failure_code = ''upstream_interrupted'' OR
        failure_code = ''empty_response'' OR failure_code = ''upstream_authentication'' OR
        failure_code = ''upstream_payment_required'' OR failure_code = ''internal''
    )',
    'CHECK (failure_code IN (
        ''upstream_rate_limited'', ''upstream_busy'', ''upstream_unavailable'', ''model_unavailable'',
        ''upstream_timeout'', ''context_length_exceeded'', ''content_moderated'', ''upstream_invalid_request'',
        ''upstream_invalid_response'', ''upstream_interrupted'', ''empty_response'', ''upstream_authentication'',
        ''upstream_payment_required'', ''internal''
    ))')
    WHERE type = 'table' AND name = 'turns';
UPDATE sqlite_schema SET sql = replace(replace(sql,
    'CHECK (role = ''user'' OR role = ''assistant'' OR role = ''system'')',
    'CHECK (role IN (''user'', ''assistant'', ''system''))'),
    'CHECK (
        status = ''pending'' OR status = ''completed'' OR status = ''cancelled'' OR status = ''interrupted'' OR
        status = ''failed''
    )',
    'CHECK (status IN (''pending'', ''completed'', ''cancelled'', ''interrupted'', ''failed''))')
    WHERE type = 'table' AND name = 'messages';
UPDATE sqlite_schema SET sql = replace(sql,
    'CHECK (kind = ''text'' OR kind = ''reasoning'' OR kind = ''file'')',
    'CHECK (kind IN (''text'', ''reasoning'', ''file''))')
    WHERE type = 'table' AND name = 'segments';
UPDATE sqlite_schema SET sql = replace(sql,
    'CHECK (
        storage_provider = ''local'' OR storage_provider = ''s3'' OR storage_provider = ''gcs'' OR
        storage_provider = ''url''
    )',
    'CHECK (storage_provider IN (''local'', ''s3'', ''gcs'', ''url''))')
    WHERE type = 'table' AND name = 'message_attachments';
UPDATE sqlite_schema SET sql = replace(replace(replace(sql,
    'CHECK (
        outcome IS NULL OR outcome = ''completed'' OR outcome = ''cancelled'' OR outcome = ''failed'' OR
        outcome = ''interrupted''
    )',
    'CHECK (outcome IN (''completed'', ''cancelled'', ''failed'', ''interrupted''))'),
    'CHECK (
        failure_code IS NULL OR failure_code = ''upstream_rate_limited'' OR failure_code = ''upstream_busy'' OR
        failure_code = ''upstream_unavailable'' OR failure_code = ''model_unavailable'' OR
        failure_code = ''upstream_timeout'' OR failure_code = ''context_length_exceeded'' OR
        failure_code = ''content_moderated'' OR failure_code = ''upstream_invalid_request'' OR
        failure_code = ''upstream_invalid_response'' OR failure_code = ''upstream_interrupted'' OR
        failure_code = ''empty_response'' OR failure_code = ''upstream_authentication'' OR
        failure_code = ''upstream_payment_required'' OR failure_code = ''internal''
    )',
    'CHECK (failure_code IN (
        ''upstream_rate_limited'', ''upstream_busy'', ''upstream_unavailable'', ''model_unavailable'',
        ''upstream_timeout'', ''context_length_exceeded'', ''content_moderated'', ''upstream_invalid_request'',
        ''upstream_invalid_response'', ''upstream_interrupted'', ''empty_response'', ''upstream_authentication'',
        ''upstream_payment_required'', ''internal''
    ))'),
    'CHECK (
        basis IS NULL OR basis = ''reported'' OR basis = ''looked_up'' OR basis = ''calculated'' OR
        basis = ''estimated'' OR basis = ''pending'' OR basis = ''unknown''
    )',
    'CHECK (basis IN (''reported'', ''looked_up'', ''calculated'', ''estimated'', ''pending'', ''unknown''))')
    WHERE type = 'table' AND name = 'ai_usage';
PRAGMA writable_schema = RESET;
