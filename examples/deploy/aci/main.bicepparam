using 'main.bicep'

param image = 'contoso.azurecr.io/tools/rollout:0.1.0'
param registry = 'contoso'
param registryResourceGroup = 'platform'
param workloadsResourceGroup = 'shop'
param subnetId = readEnvironmentVariable('SUBNET_ID')
param manifests = {
  'storefront.yaml': loadFileAsBase64('../manifests/storefront.yaml')
  'container-group.yaml': loadFileAsBase64('../manifests/container-group.yaml')
}

param store = readEnvironmentVariable('ROLLOUT_STORE')
param readToken = readEnvironmentVariable('ROLLOUT_READ_TOKEN')
param operateToken = readEnvironmentVariable('ROLLOUT_OPERATE_TOKEN')
param webhookSecret = readEnvironmentVariable('ROLLOUT_WEBHOOK_SECRET')
param secrets = {
  DATABASE_PASSWORD: readEnvironmentVariable('DATABASE_PASSWORD')
}
