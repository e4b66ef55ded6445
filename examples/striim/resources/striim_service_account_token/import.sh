# By the service account's name, which is case-sensitive.
terraform import striim_service_account_token.ci ci-pipeline
