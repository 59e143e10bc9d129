import { Fn } from 'aws-cdk-lib';
import {
  type ISecurityGroup,
  type ISubnet,
  type IVpc,
  SecurityGroup,
  Subnet,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';

export interface NetworkProps {
  readonly vpcId: string;
  /** Subnets with a route to MongoDB, to the remotes, and to the AWS APIs (NAT or VPC endpoints). */
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
}

/** An existing VPC, referred to by its ids alone: nothing is looked up, so the app synthesizes offline. */
export class Network extends Construct {
  readonly vpc: IVpc;
  readonly subnets: readonly ISubnet[];
  readonly securityGroups: readonly ISecurityGroup[];

  constructor(scope: Construct, id: string, props: NetworkProps) {
    super(scope, id);
    this.vpc = Vpc.fromVpcAttributes(this, 'Vpc', {
      vpcId: props.vpcId,
      // One is required; nothing reads it, because the subnets are named one by one.
      availabilityZones: [Fn.select(0, Fn.getAzs())],
    });
    this.subnets = props.subnetIds.map((subnetId) => Subnet.fromSubnetId(this, subnetId, subnetId));
    this.securityGroups = props.securityGroupIds.map((groupId) =>
      // The groups are the operator's: their rules stay as they are.
      SecurityGroup.fromSecurityGroupId(this, groupId, groupId, { mutable: false }),
    );
  }
}
