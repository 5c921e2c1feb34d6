//! Cursor of a usage report.

use causerie_domain::usage::reports::{Grouping, ReportKey};

use crate::dto::page::PageCursor;

/// Position of a group in a report. It is valid only for reports with the same grouping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UsageGroupCursor {
    pub(crate) group_by: Vec<Grouping>,
    pub(crate) key: ReportKey,
}

impl PageCursor for UsageGroupCursor {
    const LIST: &'static str = "usage";

    fn to_text(&self) -> String {
        let field = |grouping: &Grouping| {
            let key = &self.key;
            let value = match grouping {
                Grouping::Day => key.day.map(|day| day.to_string()),
                Grouping::Model => key.model.clone(),
                Grouping::Tool => key.tool.map(|id| id.to_string()),
                Grouping::User => key.user.map(|id| id.to_string()),
                Grouping::Group => key.group.map(|id| id.to_string()),
                Grouping::Session => key.session.map(|id| id.to_string()),
            };
            serde_json::json!([grouping.as_str(), value])
        };
        self.group_by.iter().map(field).collect::<serde_json::Value>().to_string()
    }

    fn from_text(text: &str) -> Option<Self> {
        let fields: Vec<(String, Option<String>)> = serde_json::from_str(text).ok()?;
        let (mut group_by, mut key) = (Vec::new(), ReportKey::default());
        for (name, value) in fields {
            let grouping: Grouping = name.parse().ok()?;
            match (grouping, value) {
                (Grouping::Day, Some(day)) => key.day = Some(day.parse().ok()?),
                // Every request has a day and a model.
                (Grouping::Day | Grouping::Model, None) => return None,
                // PostgreSQL refuses the character in queries.
                (Grouping::Model, Some(model)) if model.contains('\0') => return None,
                (Grouping::Model, model) => key.model = model,
                (Grouping::Tool, id) => key.tool = id.map(|id| id.parse()).transpose().ok()?,
                (Grouping::User, id) => key.user = id.map(|id| id.parse()).transpose().ok()?,
                (Grouping::Group, id) => key.group = id.map(|id| id.parse()).transpose().ok()?,
                (Grouping::Session, id) => key.session = id.map(|id| id.parse()).transpose().ok()?,
            }
            group_by.push(grouping);
        }
        Some(UsageGroupCursor { group_by, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_parsed_from_its_text() {
        let key = ReportKey {
            day: "2026-11-22".parse().ok(),
            model: Some("a \"model\", of ours".to_owned()),
            tool: None,
            session: "01990000-0000-7000-8000-000000000001".parse().ok(),
            ..ReportKey::default()
        };
        let group_by = vec![Grouping::Session, Grouping::Tool, Grouping::Model, Grouping::Day];
        let cursor = UsageGroupCursor { group_by, key };
        assert_eq!(UsageGroupCursor::from_text(&cursor.to_text()), Some(cursor));
    }

    #[test]
    fn invalid_cursors_are_refused() {
        for text in [
            "",
            "[]x",
            r#"[["hour","1"]]"#,
            r#"[["day",null]]"#,
            r#"[["user","me"]]"#,
            r#"[["day"]]"#,
            r#"[["model","a\u0000b"]]"#,
        ] {
            assert_eq!(UsageGroupCursor::from_text(text), None, "{text}");
        }
    }
}
