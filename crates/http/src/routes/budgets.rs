//! Budgets of users, groups and API keys.

use actix_web::HttpResponse;
use actix_web::web::Data;
use causerie_domain::budgets::BudgetSubject;
use causerie_domain::{ApiKeyId, GroupId, UserId};

use crate::auth::Caller;
use crate::dto::Id;
use crate::dto::budgets::{BudgetDto, SetBudgetBody};
use crate::error::Problem;
use crate::request::{Json, PathId};
use crate::state::AppState;

/// Declares the handlers of the budget of a subject, with their paths in the document.
macro_rules! budget_handlers {
    (
        $path:tt: $subject:ident($id:ident), $noun:tt, $sends:tt =>
        $get:ident, $put:ident, $delete:ident
    ) => {
        #[utoipa::path(
            get, path = $path, tag = "budgets",
            summary = concat!("The budget of ", $noun, "."),
            description = concat!(
                "Every send ", $sends, " counts against the budget. 404 if there is no budget.",
            ),
            params(("id" = Id, Path, description = concat!("The id of ", $noun))),
            responses((status = 200, body = BudgetDto, description = "The budget and its current state")),
        )]
        pub(crate) async fn $get(
            state: Data<AppState>,
            caller: Caller,
            id: PathId<$id>,
        ) -> Result<HttpResponse, Problem> {
            let subject = BudgetSubject::$subject(id.0);
            let budget =
                state.call(move |runtime| async move { runtime.budget(&caller.0, subject).await }).await?;
            Ok(HttpResponse::Ok().json(BudgetDto::from(budget)))
        }

        #[utoipa::path(
            put, path = $path, tag = "budgets",
            summary = concat!("Set the budget of ", $noun, "."),
            description = "Replaces the existing budget. Cost of the current period counts against the new limit.",
            params(("id" = Id, Path, description = concat!("The id of ", $noun))),
            request_body(content = SetBudgetBody, description = "The limit"),
            responses((status = 200, body = BudgetDto, description = "The budget and its current state")),
        )]
        pub(crate) async fn $put(
            state: Data<AppState>,
            caller: Caller,
            id: PathId<$id>,
            body: Json<SetBudgetBody>,
        ) -> Result<HttpResponse, Problem> {
            let budget = body.0.budget_of(BudgetSubject::$subject(id.0));
            let budget =
                state.call(move |runtime| async move { runtime.set_budget(&caller.0, budget).await }).await?;
            Ok(HttpResponse::Ok().json(BudgetDto::from(budget)))
        }

        #[utoipa::path(
            delete, path = $path, tag = "budgets",
            summary = concat!("Delete the budget of ", $noun, "."),
            description = "Sends are no longer limited by it. A later budget still counts the cost of its current period.",
            params(("id" = Id, Path, description = concat!("The id of ", $noun))),
            responses((status = 204, description = "The budget is deleted")),
        )]
        pub(crate) async fn $delete(
            state: Data<AppState>,
            caller: Caller,
            id: PathId<$id>,
        ) -> Result<HttpResponse, Problem> {
            let subject = BudgetSubject::$subject(id.0);
            state.call(move |runtime| async move { runtime.delete_budget(&caller.0, subject).await }).await?;
            Ok(HttpResponse::NoContent().finish())
        }
    };
}

budget_handlers! {
    "/budgets/user/{id}": User(UserId), "a user", "of the user" =>
    get_user_budget, put_user_budget, delete_user_budget
}

budget_handlers! {
    "/budgets/group/{id}": Group(GroupId), "a group", "on the account of the group" =>
    get_group_budget, put_group_budget, delete_group_budget
}

budget_handlers! {
    "/budgets/api_key/{id}": ApiKey(ApiKeyId), "an API key", "with the key" =>
    get_key_budget, put_key_budget, delete_key_budget
}
