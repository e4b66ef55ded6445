# By what the service accounts are named after: here ci-pipeline-a and ci-pipeline-b.
terraform import striim_service_account_token_pair.ci ci-pipeline
