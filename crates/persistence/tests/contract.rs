//! The contracts of the ports, on both databases.

mod subject;

mod sqlite {
    use super::subject::sqlite as subject;

    causerie_testkit::conversations_contract!(subject);
    causerie_testkit::turns_contract!(subject);
    causerie_testkit::reconciliation_contract!(subject);
    causerie_testkit::budgets_contract!(subject);
}

mod postgres {
    use super::subject::postgres as subject;

    causerie_testkit::conversations_contract!(subject);
    causerie_testkit::turns_contract!(subject);
    causerie_testkit::reconciliation_contract!(subject);
    causerie_testkit::budgets_contract!(subject);
}
